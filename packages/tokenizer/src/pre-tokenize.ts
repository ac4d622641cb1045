import { type Aligned, mapAligned, prependAligned } from './aligned.js'
import { byteLetters } from './bytes.js'
import { invalid, unsupported } from './errors.js'
import { characterAt, component, type Fields, flagAt, isObject, listAt, numberAt, textAt } from './fields.js'
import { handWritten } from './known-patterns.js'
import { patternAt } from './normalize.js'
import { literalRegex } from './regex.js'
import { type Scan, type SplitBehavior, splitScan } from './scan.js'
import { bertScan, digitsScan, gpt2Scan } from './scanners.js'
import { scriptsScan } from './scripts.js'

export type EmitWord = (text: string, from: number, to: number, first: boolean) => void
/** Cuts `text[from, to)` into words, perhaps rewriting it; `first` marks the piece that begins the whole text. */
export type PreTokenizer = (text: string, from: number, to: number, first: boolean, emit: EmitWord) => void

/** One step of cutting: what becomes of the piece, and where it is then cut. */
export interface CutStep {
  readonly rewrite?: Rewrite
  readonly scan?: Scan
}

/** What becomes of a piece, at once and followed character by character; `first` marks the piece that begins the whole text. */
export interface Rewrite {
  readonly text: (piece: string, first: boolean) => string
  readonly aligned: (piece: Aligned, first: boolean) => Aligned
  /** It matters to it whether a piece begins the whole text. */
  readonly asksFirst?: boolean
}

/** Something put before the piece at most, and letters swapped for others of as many units. */
const prefixing = (text: Rewrite['text'], asksFirst = false): Rewrite => ({
  text,
  asksFirst,
  aligned(piece, first) {
    const written = text(piece.text, first)
    const { from, to } = prependAligned(piece, written.slice(0, written.length - piece.text.length))
    return { text: written, from, to }
  },
})

const fromScan =
  (scan: Scan): PreTokenizer =>
  (text, from, to, first, emit) =>
    scan(text, from, to, (start, end) => emit(text, start, end, first && start === from))

function fromStep({ rewrite, scan }: CutStep): PreTokenizer {
  if (rewrite === undefined) return scan ? fromScan(scan) : (text, from, to, first, emit) => emit(text, from, to, first)
  return (text, from, to, first, emit) => {
    const piece = rewrite.text(text.slice(from, to), first)
    if (scan === undefined) return emit(piece, 0, piece.length, first)
    scan(piece, 0, piece.length, (start, end) => emit(piece, start, end, first && start === 0))
  }
}

/** The steps as one function. */
export const preTokenizer = (steps: readonly CutStep[]): PreTokenizer => sequence(steps.map(fromStep))

function sequence(steps: readonly PreTokenizer[]): PreTokenizer {
  const [head, ...rest] = steps
  if (head === undefined) return (text, from, to, first, emit) => emit(text, from, to, first)
  if (rest.length === 0) return head
  const next = sequence(rest)
  return (text, from, to, first, emit) =>
    head(text, from, to, first, (piece, start, end, isFirst) => next(piece, start, end, isFirst, emit))
}

/** Splits before every ▁, the mark of a word's beginning. */
const markScan: (mark: string) => Scan = (mark) => (text, from, to, emit) => {
  let start = from
  for (let i = text.indexOf(mark, from + 1); i >= 0 && i < to; i = text.indexOf(mark, i + 1)) {
    emit(start, i)
    start = i
  }
  if (start < to) emit(start, to)
}

function metaspace(fields: Fields, field: string): CutStep {
  const mark = textAt(fields.replacement ?? '▁', `${field}.replacement`)
  const legacy = flagAt(fields.add_prefix_space, `${field}.add_prefix_space`, true) ? 'always' : 'never'
  const scheme = textAt(fields.prepend_scheme ?? legacy, `${field}.prepend_scheme`)
  if (!['always', 'never', 'first'].includes(scheme)) throw unsupported(field, `the prepend scheme "${scheme}"`)
  const split = flagAt(fields.split, `${field}.split`, true)
  return {
    rewrite: prefixing((piece, first) => {
      const replaced = piece.replaceAll(' ', mark)
      const prepend = (scheme === 'always' || (scheme === 'first' && first)) && !replaced.startsWith(mark)
      return prepend ? mark + replaced : replaced
    }, scheme === 'first'),
    ...(split ? { scan: markScan(mark) } : {}),
  }
}

const whitespace = /\p{White_Space}+/gu
const asciiOrUnicodePunctuation = /[\p{P}!-/:-@[-`{-~]/gu
/** Words of letters, or runs of anything else: `\w+|[^\w\s]+`. */
const wordsAndSymbols =
  /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}\p{White_Space}]+/gu

/** The definition of `bertSteps`, which a test holds equal to it. */
export const bertReference: readonly CutStep[] = [
  { scan: splitScan(whitespace, 'Removed') },
  { scan: splitScan(asciiOrUnicodePunctuation) },
]

/** Words between white space, and every punctuation character by itself. */
export const bertSteps: readonly CutStep[] = [{ scan: bertScan }]

const behaviors: readonly string[] = ['Isolated', 'Removed', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous']
const isBehavior = (text: string): text is SplitBehavior => behaviors.includes(text)

function behaviorAt(value: unknown, field: string): SplitBehavior {
  const text = textAt(value ?? 'Isolated', field)
  if (isBehavior(text)) return text
  throw unsupported(field, `the split behavior "${text}"`)
}

function split(fields: Fields, field: string): CutStep {
  const behavior = behaviorAt(fields.behavior, `${field}.behavior`)
  const invert = flagAt(fields.invert, `${field}.invert`, false)
  const { pattern } = fields
  const regex = isObject(pattern) ? pattern.Regex : undefined
  const scan = typeof regex === 'string' ? handWritten.get(regex) : undefined
  // The hand-written patterns leave no gaps, so that keeping matches or keeping everything is the same.
  if (scan && (behavior === 'Isolated' || (behavior === 'Removed' && invert))) return { scan }
  return { scan: splitScan(patternAt(pattern, `${field}.pattern`), behavior, invert) }
}

function byteLevel(fields: Fields, field: string): CutStep {
  return {
    ...(flagAt(fields.add_prefix_space, `${field}.add_prefix_space`, true)
      ? { rewrite: prefixing((piece) => (piece.startsWith(' ') ? piece : ` ${piece}`)) }
      : {}),
    ...(flagAt(fields.use_regex, `${field}.use_regex`, true) ? { scan: gpt2Scan } : {}),
  }
}

export interface PreTokenizerParts {
  readonly steps: readonly CutStep[]
  /** The words are to be turned into bytes, which is left to the model or to `byteStep`. */
  readonly bytes: boolean
}

/** Words as bytes, written as GPT-2 does. */
export const byteStep: CutStep = { rewrite: { text: byteLetters, aligned: (piece) => mapAligned(piece, byteLetters) } }

/** The `pre_tokenizer` of a tokenizer.json, and whether it turns words into bytes. */
export function parsePreTokenizer(value: unknown, field = 'pre_tokenizer'): PreTokenizerParts | undefined {
  const part = component(value, field)
  if (part === undefined) return undefined
  const { type, fields } = part
  const characters = (...steps: CutStep[]): PreTokenizerParts => ({ steps, bytes: false })
  switch (type) {
    case 'Sequence': {
      const steps = listAt(fields.pretokenizers, `${field}.pretokenizers`).map((step, i) =>
        parsePreTokenizer(step, `${field}.pretokenizers[${i}]`),
      )
      return {
        steps: steps.flatMap((step, i) => [...(step?.steps ?? []), ...(step?.bytes && i < steps.length - 1 ? [byteStep] : [])]),
        bytes: steps.at(-1)?.bytes ?? false,
      }
    }
    case 'ByteLevel':
      return { steps: [byteLevel(fields, field)], bytes: true }
    case 'Split':
      return characters(split(fields, field))
    case 'Digits':
      return characters(
        flagAt(fields.individual_digits, `${field}.individual_digits`, false)
          ? { scan: digitsScan }
          : { scan: splitScan(/\p{N}+/gu) },
      )
    case 'Metaspace':
      return characters(metaspace(fields, field))
    case 'BertPreTokenizer':
      return characters(...bertSteps)
    case 'Whitespace':
      return characters({ scan: splitScan(wordsAndSymbols, 'Removed', true) })
    case 'WhitespaceSplit':
      return characters({ scan: splitScan(whitespace, 'Removed') })
    case 'CharDelimiterSplit':
      return characters({ scan: splitScan(literalRegex(characterAt(fields.delimiter, `${field}.delimiter`)), 'Removed') })
    case 'FixedLength': {
      const length = numberAt(fields.length ?? 5, `${field}.length`)
      if (!(Number.isInteger(length) && length >= 1 && length <= 65_535))
        throw invalid(
          `${field}.length`,
          `"${field}.length" is ${length}; it has to be a whole number of characters from 1 to 65535.`,
        )
      return characters({ scan: splitScan(new RegExp(`[^]{1,${length}}`, 'gu')) })
    }
    case 'UnicodeScripts':
      return characters({ scan: scriptsScan })
    case 'Punctuation':
      return characters({ scan: splitScan(asciiOrUnicodePunctuation, behaviorAt(fields.behavior, `${field}.behavior`)) })
    default:
      throw unsupported(field, `the pre-tokenizer "${type}"`)
  }
}
