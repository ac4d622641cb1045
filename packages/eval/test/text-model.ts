import type { LanguageModel, Scoring, Tokenizer } from '@qt/core'

/** A tokenizer of one token per code point, shifted by one; 0 begins texts. */
export const characters: Tokenizer = {
  vocabularySize: 0x110000,
  bosId: 0,
  eosId: undefined,
  endIds: new Set(),
  chatTemplate: undefined,
  encode: (text) => Uint32Array.from(text, (character) => character.codePointAt(0)! + 1),
  decode: (ids) => [...ids].map((id) => (id === 0 ? '' : String.fromCodePoint(id - 1))).join(''),
  stream: () => ({ push: (id) => String.fromCodePoint(id - 1), end: () => '' }),
  token: (id) => String.fromCodePoint(id - 1),
  id: (token) => token.codePointAt(0)! + 1,
}

export interface TextLikelihood {
  readonly logLikelihood: number
  readonly greedy: boolean
}

/** A model whose likelihood of a text is what a function says; it stands on the first token scored. */
export function textModel(
  likelihood: (context: string, continuation: string) => TextLikelihood,
  answer: (prompt: string) => string = () => '',
): LanguageModel & { readonly tokenizer: Tokenizer; readonly contextLength: number; readonly scoring: Scoring } {
  const text = (ids: ArrayLike<number>) => characters.decode(Array.from(ids))
  const logsOf = (length: number, value: number) => Float32Array.from({ length }, (_, i) => (i === 0 ? value : 0))
  return {
    name: 'text model',
    tokenizer: characters,
    contextLength: 1_000_000,
    scoring: {
      vocabularySize: characters.vocabularySize,
      score: async (ids) => Float32Array.from([Number.NaN, ...logsOf(ids.length - 1, likelihood('', text(ids)).logLikelihood)]),
      distributions: async () => {
        throw new Error('not asked for')
      },
      continuations: async (context, continuations) =>
        continuations.map((ids) => {
          const { logLikelihood, greedy } = likelihood(text(context), text(ids))
          return { logs: logsOf(ids.length, logLikelihood), greedy }
        }),
    },
    generate: async (prompt) => ({ text: answer(String(prompt)), tokens: 1, why: 'end' }),
    async *stream(prompt) {
      yield answer(String(prompt))
    },
    close: async () => {},
  }
}
