import { byteOfToken, bytesOfToken, byteToken } from './bytes.js'
import {
  byteFallback,
  byteLetters,
  chain,
  each,
  fuse,
  type MakeStage,
  type Step,
  strip,
  withoutRepeats,
  wordSuffix,
} from './decoder-chain.js'
import { unsupported } from './errors.js'
import { characterAt, component, countAt, type Fields, flagAt, listAt, textAt } from './fields.js'
import { patternAt } from './normalize.js'

/** Text of a token, or the one byte it stands for. */
export type Piece = string | Uint8Array
type PieceOf = (token: string, added: boolean) => Piece

/** One text as it is put together: each token in order, which may depend on those before, and what is left when it ends. */
export interface Decoding {
  readonly piece: PieceOf
  readonly end?: () => string
}

export interface Detokenizer {
  begin(): Decoding
  /** What a token is once the text has begun, when that depends on nothing else: such pieces can be remembered. */
  readonly later: PieceOf | undefined
}

const encoder = new TextEncoder()
export const bytesOfPiece = (piece: Piece): Uint8Array => (typeof piece === 'string' ? encoder.encode(piece) : piece)

/** Byte-level vocabularies: added tokens are text, all others are written in GPT-2's alphabet of bytes. */
const byteLevelPiece: PieceOf = (token, added) => (added ? token : (bytesOfToken(token) ?? token))
export const byteLevelDetokenizer: Detokenizer = { begin: () => ({ piece: byteLevelPiece }), later: byteLevelPiece }

export interface StepOptions {
  readonly steps: readonly Step[]
  /** `<0x0A>` is a byte. */
  readonly byteFallback?: boolean
  /** A character of ASCII that is dropped from the beginning of the text. */
  readonly strip?: string
}

/** Each token through every step; bytes and stripping at the end. */
export function stepDetokenizer({ steps, byteFallback = false, strip }: StepOptions): Detokenizer {
  const piece = (token: string, first: boolean): Piece => {
    const byte = byteFallback ? byteOfToken(token) : -1
    return byte >= 0 ? Uint8Array.of(byte) : steps.reduce((text, step) => step(text, first), token)
  }
  return {
    later: (token) => piece(token, false),
    begin() {
      let first = true
      let fresh = strip !== undefined
      return {
        piece(token) {
          const text = piece(token, first)
          first = false
          if (!fresh || strip === undefined || text.length === 0) return text
          fresh = false
          if (typeof text !== 'string') return text[0] === strip.charCodeAt(0) ? '' : text
          return text.startsWith(strip) ? text.slice(strip.length) : text
        },
      }
    },
  }
}

/** The spaces that BERT's tokens lost their place of, as Hugging Face cleans them up. */
const cleanup: Step = (text) =>
  text
    .replaceAll(' .', '.')
    .replaceAll(' ?', '?')
    .replaceAll(' !', '!')
    .replaceAll(' ,', ',')
    .replaceAll(" ' ", "'")
    .replaceAll(" n't", "n't")
    .replaceAll(" 'm", "'m")
    .replaceAll(' do not', " don't")
    .replaceAll(" 's", "'s")
    .replaceAll(" 've", "'ve")
    .replaceAll(" 're", "'re")

const wordPieceSteps = (prefix: string, clean: boolean): Step[] => [
  (token, first) => (first ? token : token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`),
  ...(clean ? [cleanup] : []),
]

/** WordPiece as GGUF has it: a word begins with ▁, the rest has no mark. */
export const ggmlWordPieceSteps: readonly Step[] = [
  (token, first) => (token.startsWith('▁') ? (first ? '' : ' ') + token.slice(1) : token),
  cleanup,
]

export const markToSpace: Step = (token) => token.replaceAll('▁', ' ')

function metaspace(fields: Fields, field: string): Step {
  const mark = textAt(fields.replacement ?? '▁', `${field}.replacement`)
  const legacy = flagAt(fields.add_prefix_space, `${field}.add_prefix_space`, true) ? 'always' : 'never'
  const drop = textAt(fields.prepend_scheme ?? legacy, `${field}.prepend_scheme`) !== 'never'
  return (token, first) => token.replaceAll(mark, first && drop ? '' : ' ')
}

type Part = (
  | { readonly kind: 'step'; readonly step: Step }
  | { readonly kind: 'strip'; readonly content: string; readonly start: number; readonly stop: number }
  | { readonly kind: 'suffix'; readonly suffix: string }
  | { readonly kind: 'bytes' | 'fuse' | 'letters' | 'repeats' }
) & { readonly stage: MakeStage }

const stepPart = (step: Step): Part => ({ kind: 'step', step, stage: each(step) })

/** The decoders of a tokenizer.json in order, those of sequences in their place. */
function partsOf(value: unknown, field: string): Part[] {
  const part = component(value, field)
  if (part === undefined) return []
  const { type, fields } = part
  switch (type) {
    case 'Sequence':
      return listAt(fields.decoders, `${field}.decoders`).flatMap((step, i) => partsOf(step, `${field}.decoders[${i}]`))
    case 'Replace': {
      const pattern = patternAt(fields.pattern, `${field}.pattern`)
      const content = textAt(fields.content, `${field}.content`)
      return [stepPart((token) => token.replace(pattern, () => content))]
    }
    case 'ByteFallback':
      return [{ kind: 'bytes', stage: byteFallback }]
    case 'Fuse':
      return [{ kind: 'fuse', stage: fuse }]
    case 'Strip': {
      const content = characterAt(fields.content, `${field}.content`)
      const start = countAt(fields.start, `${field}.start`)
      const stop = countAt(fields.stop, `${field}.stop`)
      return [{ kind: 'strip', content, start, stop, stage: each(strip(content, start, stop)) }]
    }
    case 'Metaspace':
      return [stepPart(metaspace(fields, field))]
    case 'WordPiece': {
      const prefix = textAt(fields.prefix ?? '##', `${field}.prefix`)
      return wordPieceSteps(prefix, flagAt(fields.cleanup, `${field}.cleanup`, true)).map(stepPart)
    }
    case 'ByteLevel':
      return [{ kind: 'letters', stage: byteLetters }]
    case 'BPEDecoder': {
      const suffix = textAt(fields.suffix ?? '</w>', `${field}.suffix`)
      return [{ kind: 'suffix', suffix, stage: wordSuffix(suffix) }]
    }
    case 'CTC':
      return [{ kind: 'repeats', stage: withoutRepeats(spoken(fields, field)) }]
    default:
      throw unsupported(field, `the decoder "${type}"`)
  }
}

/** What CTC makes of a token: padding is silence. */
function spoken(fields: Fields, field: string): Step {
  const pad = textAt(fields.pad_token ?? '<pad>', `${field}.pad_token`)
  const delimiter = textAt(fields.word_delimiter_token ?? '|', `${field}.word_delimiter_token`)
  const clean = flagAt(fields.cleanup, `${field}.cleanup`, true)
  return (token, first) => {
    const text = token.replaceAll(pad, '')
    return clean ? cleanup(text, first).replaceAll(delimiter, ' ') : text
  }
}

/** `</w>` ends a word: the space is written before the next one. */
const suffixDetokenizer = (suffix: string): Detokenizer => ({
  later: undefined,
  begin() {
    /** What follows from the first suffix of a token on. */
    let held = ''
    return {
      piece(token) {
        const at = token.indexOf(suffix)
        const whole = at < 0 ? token.length : at
        const text = held.replaceAll(suffix, ' ') + token.slice(0, whole)
        held = token.slice(whole)
        return text
      },
      end: () => held.replaceAll(suffix, ''),
    }
  },
})

/** Decoders of any kind and order. What needs the whole text, as Fuse before others does, says all of it at the end. */
const chainDetokenizer = (parts: readonly Part[]): Detokenizer => ({
  later: undefined,
  begin() {
    const { push, end } = chain(parts.map(({ stage }) => stage))
    return { piece: push, end }
  },
})

/** The `decoder` of a tokenizer.json. */
export function parseDecoder(value: unknown): Detokenizer {
  if (value === undefined || value === null) return stepDetokenizer({ steps: [(token, first) => (first ? token : ` ${token}`)] })
  const parts = partsOf(value, 'decoder')
  const [only, ...others] = parts
  if (only?.kind === 'letters' && others.length === 0) return byteLevelDetokenizer
  if (only?.kind === 'suffix' && only.suffix !== '' && others.length === 0) return suffixDetokenizer(only.suffix)
  return tokenByToken(parts) ?? chainDetokenizer(parts)
}

/** The usual order, in which each token can be decoded as it comes: steps, bytes, one character less at the beginning of the whole. */
function tokenByToken(parts: readonly Part[]): Detokenizer | undefined {
  const order = parts.map(({ kind }) => kind).join(' ')
  if (!/^(step ?)*(bytes ?)?(fuse( strip)?)?$/.test(order)) return undefined
  const last = parts.at(-1)
  if (last?.kind === 'strip' && (last.start !== 1 || last.stop !== 0 || last.content > '\x7f')) return undefined
  const steps = parts.flatMap((part) => (part.kind === 'step' ? [part.step] : []))
  const bytes = parts.some(({ kind }) => kind === 'bytes')
  const keeps = (token: string) =>
    [true, false].every((first) => steps.reduce((text, step) => step(text, first), token) === token)
  if (bytes && !Array.from({ length: 256 }, (_, byte) => byteToken(byte)).every(keeps)) return undefined
  return stepDetokenizer({
    steps,
    byteFallback: bytes,
    ...(last?.kind === 'strip' ? { strip: last.content } : {}),
  })
}
