import { byteOfToken, bytesOfToken } from './bytes.js'
import { invalid, unsupported } from './errors.js'
import { component, type Fields, flagAt, listAt, numberAt, textAt } from './fields.js'
import { patternAt } from './normalize.js'

/** Text of a token, or the one byte it stands for. */
export type Piece = string | Uint8Array
type PieceOf = (token: string, added: boolean) => Piece

export interface Detokenizer {
  /** Begins a text: the result is asked for each token in order and may depend on those before. */
  begin(): PieceOf
  /** What a token is once the text has begun, when that depends on nothing else: such pieces can be remembered. */
  readonly later: PieceOf | undefined
}

const encoder = new TextEncoder()
export const bytesOfPiece = (piece: Piece): Uint8Array => (typeof piece === 'string' ? encoder.encode(piece) : piece)

/** Byte-level vocabularies: added tokens are text, all others are written in GPT-2's alphabet of bytes. */
const byteLevelPiece: PieceOf = (token, added) => (added ? token : (bytesOfToken(token) ?? token))
export const byteLevelDetokenizer: Detokenizer = { begin: () => byteLevelPiece, later: byteLevelPiece }

type Step = (piece: string, first: boolean) => string

export interface StepOptions {
  readonly steps: readonly Step[]
  /** `<0x0A>` is a byte. */
  readonly byteFallback?: boolean
  /** How many of this character are dropped from the beginning of the text. */
  readonly strip?: { readonly content: string; readonly count: number }
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
      return (token) => {
        let text = piece(token, first)
        first = false
        if (!fresh || strip === undefined || text.length === 0) return text
        fresh = false
        if (typeof text !== 'string') return text
        for (let n = 0; n < strip.count && text.startsWith(strip.content); n++) text = text.slice(strip.content.length)
        return text
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

interface Compiled {
  steps: Step[]
  byteFallback: boolean
  fused: boolean
  strip?: { content: string; count: number }
}

function compile(value: unknown, field: string, into: Compiled): void {
  const part = component(value, field)
  if (part === undefined) return
  const { type, fields } = part
  if (into.fused && type !== 'Strip') throw unsupported(field, `the decoder "${type}" after Fuse`)
  switch (type) {
    case 'Sequence':
      for (const [i, step] of listAt(fields.decoders, `${field}.decoders`).entries())
        compile(step, `${field}.decoders[${i}]`, into)
      return
    case 'Replace': {
      const pattern = patternAt(fields.pattern, `${field}.pattern`)
      const content = textAt(fields.content, `${field}.content`)
      into.steps.push((token) => token.replace(pattern, () => content))
      return
    }
    case 'ByteFallback':
      into.byteFallback = true
      return
    case 'Fuse':
      into.fused = true
      return
    case 'Strip': {
      const content = textAt(fields.content, `${field}.content`)
      if (content === '') throw invalid(`${field}.content`, 'The decoder "Strip" names no character.')
      if (!into.fused) throw unsupported(field, 'the decoder "Strip" before Fuse')
      if (numberAt(fields.stop ?? 0, `${field}.stop`) !== 0)
        throw unsupported(field, 'the decoder "Strip" at the end of the text')
      into.strip = { content, count: numberAt(fields.start ?? 0, `${field}.start`) }
      return
    }
    case 'Metaspace':
      into.steps.push(metaspace(fields, field))
      return
    case 'WordPiece':
      into.steps.push(
        ...wordPieceSteps(textAt(fields.prefix ?? '##', `${field}.prefix`), flagAt(fields.cleanup, `${field}.cleanup`, true)),
      )
      return
    default:
      throw unsupported(field, `the decoder "${type}"`)
  }
}

/** `</w>` ends a word: the space is written before the next one. */
function suffixDetokenizer(suffix: string): Detokenizer {
  return {
    later: undefined,
    begin() {
      let pending = ''
      return (token) => {
        const text = pending + token.replaceAll(suffix, '')
        pending = token.endsWith(suffix) ? ' ' : ''
        return text
      }
    },
  }
}

/** The `decoder` of a tokenizer.json. */
export function parseDecoder(value: unknown): Detokenizer {
  const part = component(value, 'decoder')
  if (part === undefined) return stepDetokenizer({ steps: [(token, first) => (first ? token : ` ${token}`)] })
  if (part.type === 'ByteLevel') return byteLevelDetokenizer
  if (part.type === 'BPEDecoder') return suffixDetokenizer(textAt(part.fields.suffix ?? '</w>', 'decoder.suffix'))
  const compiled: Compiled = { steps: [], byteFallback: false, fused: false }
  compile(value, 'decoder', compiled)
  return stepDetokenizer(compiled)
}
