import { type Metadata, metadataBoolean, metadataNumber, metadataNumbers, metadataString, metadataStrings } from '@qt/weights'
import type { AddedToken } from './added-tokens.js'
import type { Parts } from './assemble.js'
import { endTokens } from './end-tokens.js'
import { invalid } from './errors.js'
import { type Vocabulary, vocabularyOf } from './vocabulary.js'

export const key = (name: string) => `tokenizer.ggml.${name}`
/** Token types of GGUF. */
export const types = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const

/** The vocabulary and its special tokens, as every kind has them. */
export interface Common {
  readonly metadata: Metadata
  readonly vocabulary: Vocabulary
  readonly added: readonly AddedToken[]
  /** The type of a token; normal where the file tells of none. */
  typeOf(id: number): number
  /** The score of each token. */
  scores(): ArrayLike<number>
  /** The id under a key, when it is in range. */
  id(name: string, otherwise?: number): number | undefined
  flag(name: string, otherwise: boolean): boolean
}

export type KindParts = Pick<Parts, 'normalize' | 'steps' | 'model' | 'detokenizer'> & {
  readonly bosId: number | undefined
  readonly eosId: number | undefined
  readonly before: readonly (number | undefined)[]
  readonly after: readonly (number | undefined)[]
}

export function readCommon(metadata: Metadata): Common {
  const list = metadataStrings(metadata, key('tokens'))
  if (list === undefined || list.length === 0)
    throw invalid(key('tokens'), `The file has no list of tokens under ${key('tokens')}.`)
  const vocabulary = vocabularyOf(
    list.map((token, id) => (token === '' ? `[EMPTY_${id}]` : token)),
    key('tokens'),
  )
  const tokenTypes = metadataNumbers(metadata, key('token_type'))
  if (tokenTypes !== undefined && tokenTypes.length < list.length) {
    throw invalid(key('token_type'), `There are ${list.length} tokens but only ${tokenTypes.length} token types.`)
  }
  return {
    metadata,
    vocabulary,
    added: addedTokens(vocabulary, tokenTypes ?? [], metadataString(metadata, 'general.name') ?? ''),
    typeOf: (id) => tokenTypes?.[id] ?? types.normal,
    scores() {
      const scores = metadataNumbers(metadata, key('scores')) ?? new Float32Array(list.length)
      if (scores.length < list.length)
        throw invalid(key('scores'), `There are ${list.length} tokens but only ${scores.length} scores.`)
      return scores
    },
    id(name, otherwise) {
      const id = metadataNumber(metadata, key(name)) ?? otherwise
      return id !== undefined && Number.isInteger(id) && id >= 0 && id < list.length ? id : undefined
    },
    flag: (name, otherwise) => metadataBoolean(metadata, key(name)) ?? otherwise,
  }
}

function addedTokens({ tokens }: Vocabulary, tokenTypes: readonly number[], name: string): AddedToken[] {
  // GGUF does not store which tokens swallow white space; llama.cpp knows Phi-3 by its name, and so do we.
  const phi3 = /phi-?3/i.test(name)
  const keepsSpace = new Set(['<unk>', '<s>', '<|endoftext|>'])
  const added: AddedToken[] = []
  for (const [id, content] of tokens.entries()) {
    const type = tokenTypes[id]
    if (content === undefined || (type !== types.unknown && type !== types.control && type !== types.userDefined)) continue
    added.push({
      id,
      content,
      special: type !== types.userDefined || endTokens.includes(content),
      lstrip: false,
      rstrip: phi3 && !keepsSpace.has(content),
      singleWord: false,
      normalized: false,
    })
  }
  return added
}
