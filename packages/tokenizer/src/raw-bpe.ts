import type { Parts } from './assemble.js'
import { markToSpace, stepDetokenizer } from './detokenize.js'
import type { Ids } from './ids.js'
import { patternScan } from './known-patterns.js'
import { cached } from './models/cached.js'
import type { EmitToken, Model } from './models/model.js'
import { ggmlMarks, lowercaseNormalizer } from './normalize.js'
import { splitScan } from './scan.js'

interface RawKind {
  readonly addBos: boolean
  /** Lines, with spaces written ▁; words and the white space between them; or words alone. */
  readonly words: 'lines' | 'gaps' | 'alone'
  /** A run of line ends that is a token is that token, whatever the merges say. */
  readonly wholeEnds: boolean
}

/** Names of `tokenizer.ggml.pre` whose vocabularies are raw UTF-8 and not bytes written as characters. */
const kinds: Readonly<Record<string, RawKind>> = {
  gemma4: { addBos: true, words: 'lines', wholeEnds: true },
  'granite-embed-multi-311m': { addBos: true, words: 'lines', wholeEnds: true },
  'sarvam-moe': { addBos: false, words: 'lines', wholeEnds: false },
  whitespace: { addBos: false, words: 'gaps', wholeEnds: false },
}

/** By the vocabulary's kind, of which two have a pre-tokenizer of their own whatever the file says, and by the pre-tokenizer's name. */
export function rawKindOf(model: string | undefined, pre: string): RawKind | undefined {
  if (model === 'gemma4') return kinds.gemma4
  if (model === 'whitespace') return { addBos: false, words: 'alone', wholeEnds: false }
  return Object.hasOwn(kinds, pre) ? kinds[pre] : undefined
}

/** The parts of a tokenizer whose merges are of characters, with bytes for what the vocabulary lacks. */
export function rawParts(
  { words, wholeEnds }: RawKind,
  model: Model,
  { ids, lowercase }: { readonly ids: ReadonlyMap<string, number>; readonly lowercase: boolean },
): Pick<Parts, 'normalize' | 'steps' | 'model' | 'detokenizer'> {
  const scan =
    words === 'alone'
      ? splitScan(/\p{White_Space}+/gu, 'Removed')
      : patternScan(words === 'lines' ? '[^\\n]+|\\n+' : '\\S+', 'tokenizer.ggml.pre')
  return {
    normalize: words === 'lines' ? ggmlMarks(false) : words === 'alone' && lowercase ? lowercaseNormalizer : undefined,
    steps: [{ scan }],
    model: cached(wholeEnds ? endsFirst(model, ids) : model),
    detokenizer: stepDetokenizer({ steps: words === 'lines' ? [markToSpace] : [], byteFallback: true }),
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
