import type { Parts } from './assemble.js'
import { markToSpace, stepDetokenizer } from './detokenize.js'
import type { Ids } from './ids.js'
import { patternScan } from './known-patterns.js'
import { cached } from './models/cached.js'
import type { EmitToken, Model } from './models/model.js'
import { ggmlMarks } from './normalize.js'

interface RawKind {
  readonly addBos: boolean
  /** Spaces are written ▁, and lines are words; otherwise words are what lies between white space, which is left out. */
  readonly lines: boolean
  /** A run of line ends that is a token is that token, whatever the merges say. */
  readonly wholeEnds: boolean
}

/** Names of `tokenizer.ggml.pre` whose vocabularies are raw UTF-8 and not bytes written as characters. */
const kinds: Readonly<Record<string, RawKind>> = {
  gemma4: { addBos: true, lines: true, wholeEnds: true },
  'granite-embed-multi-311m': { addBos: true, lines: true, wholeEnds: true },
  'sarvam-moe': { addBos: false, lines: true, wholeEnds: false },
  whitespace: { addBos: false, lines: false, wholeEnds: false },
}

export const rawKindOf = (pre: string): RawKind | undefined => (Object.hasOwn(kinds, pre) ? kinds[pre] : undefined)

/** The parts of a tokenizer whose merges are of characters, with bytes for what the vocabulary lacks. */
export function rawParts(
  { lines, wholeEnds }: RawKind,
  model: Model,
  ids: ReadonlyMap<string, number>,
): Pick<Parts, 'normalize' | 'steps' | 'model' | 'detokenizer'> {
  const scan = patternScan(lines ? '[^\\n]+|\\n+' : '\\S+', 'tokenizer.ggml.pre')
  return {
    normalize: lines ? ggmlMarks(false) : undefined,
    steps: [{ scan }],
    model: cached(wholeEnds ? endsFirst(model, ids) : model),
    detokenizer: stepDetokenizer({ steps: lines ? [markToSpace] : [], byteFallback: true }),
  }
}

function endsFirst(model: Model, ids: ReadonlyMap<string, number>): Model {
  const whole = (text: string, from: number, to: number): number | undefined =>
    text.charCodeAt(from) === 0x0a ? ids.get(text.slice(from, to)) : undefined
  return {
    locate(text: string, from: number, to: number, emit: EmitToken) {
      const id = whole(text, from, to)
      if (id === undefined) model.locate(text, from, to, emit)
      else emit(id, from, to)
    },
    encode(text: string, from: number, to: number, out: Ids) {
      const id = whole(text, from, to)
      if (id === undefined) model.encode(text, from, to, out)
      else out.push(id)
    },
  }
}
