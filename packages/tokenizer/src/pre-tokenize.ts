import { unsupported } from './errors.js'
import { component, type Fields, flagAt, isObject, listAt, textAt } from './fields.js'
import { handWritten } from './known-patterns.js'
import { patternAt } from './normalize.js'
import { type Scan, type SplitBehavior, splitScan } from './scan.js'
import { bertScan, digitsScan, gpt2Scan } from './scanners.js'

export type EmitWord = (text: string, from: number, to: number, first: boolean) => void
/** Cuts `text[from, to)` into words, perhaps rewriting it; `first` marks the piece that begins the whole text. */
export type PreTokenizer = (text: string, from: number, to: number, first: boolean, emit: EmitWord) => void

export const fromScan =
  (scan: Scan): PreTokenizer =>
  (text, from, to, first, emit) =>
    scan(text, from, to, (start, end) => emit(text, start, end, first && start === from))

export function sequence(steps: readonly PreTokenizer[]): PreTokenizer {
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

function metaspace(fields: Fields, field: string): PreTokenizer {
  const mark = textAt(fields.replacement ?? '▁', `${field}.replacement`)
  const legacy = flagAt(fields.add_prefix_space, `${field}.add_prefix_space`, true) ? 'always' : 'never'
  const scheme = textAt(fields.prepend_scheme ?? legacy, `${field}.prepend_scheme`)
  if (!['always', 'never', 'first'].includes(scheme)) throw unsupported(field, `the prepend scheme "${scheme}"`)
  const split = flagAt(fields.split, `${field}.split`, true)
  const scan = markScan(mark)
  return (text, from, to, first, emit) => {
    const replaced = text.slice(from, to).replaceAll(' ', mark)
    const prepend = (scheme === 'always' || (scheme === 'first' && first)) && !replaced.startsWith(mark)
    const piece = prepend ? mark + replaced : replaced
    if (!split) return emit(piece, 0, piece.length, first)
    scan(piece, 0, piece.length, (start, end) => emit(piece, start, end, first && start === 0))
  }
}

const whitespace = /\p{White_Space}+/gu
const asciiOrUnicodePunctuation = /[\p{P}!-/:-@[-`{-~]/gu
/** Words of letters, or runs of anything else: `\w+|[^\w\s]+`. */
const wordsAndSymbols =
  /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}\p{White_Space}]+/gu

/** The definition of `bertPreTokenizer`, which a test holds equal to it. */
export const bertReference: PreTokenizer = sequence([
  fromScan(splitScan(whitespace, 'Removed')),
  fromScan(splitScan(asciiOrUnicodePunctuation)),
])

/** Words between white space, and every punctuation character by itself. */
export const bertPreTokenizer: PreTokenizer = fromScan(bertScan)

const behaviors: readonly string[] = ['Isolated', 'Removed', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous']
const isBehavior = (text: string): text is SplitBehavior => behaviors.includes(text)

function behaviorAt(value: unknown, field: string): SplitBehavior {
  const text = textAt(value ?? 'Isolated', field)
  if (isBehavior(text)) return text
  throw unsupported(field, `the split behavior "${text}"`)
}

function split(fields: Fields, field: string): PreTokenizer {
  const behavior = behaviorAt(fields.behavior, `${field}.behavior`)
  const invert = flagAt(fields.invert, `${field}.invert`, false)
  const { pattern } = fields
  const regex = isObject(pattern) ? pattern.Regex : undefined
  const scan = typeof regex === 'string' ? handWritten.get(regex) : undefined
  // The hand-written patterns leave no gaps, so that keeping matches or keeping everything is the same.
  if (scan && (behavior === 'Isolated' || (behavior === 'Removed' && invert))) return fromScan(scan)
  return fromScan(splitScan(patternAt(pattern, `${field}.pattern`), behavior, invert))
}

function byteLevel(fields: Fields, field: string): PreTokenizer {
  const scan = flagAt(fields.use_regex, `${field}.use_regex`, true) ? gpt2Scan : undefined
  const steps: PreTokenizer[] = scan ? [fromScan(scan)] : []
  if (flagAt(fields.add_prefix_space, `${field}.add_prefix_space`, true)) {
    steps.unshift((text, from, to, first, emit) => {
      if (text[from] === ' ') return emit(text, from, to, first)
      const piece = ` ${text.slice(from, to)}`
      emit(piece, 0, piece.length, first)
    })
  }
  return sequence(steps)
}

/** The `pre_tokenizer` of a tokenizer.json, and whether it turns words into bytes. */
export function parsePreTokenizer(value: unknown, field = 'pre_tokenizer'): { cut: PreTokenizer; bytes: boolean } | undefined {
  const part = component(value, field)
  if (part === undefined) return undefined
  const { type, fields } = part
  const characters = (cut: PreTokenizer) => ({ cut, bytes: false })
  switch (type) {
    case 'Sequence': {
      const steps = listAt(fields.pretokenizers, `${field}.pretokenizers`).map((step, i) => ({
        at: `${field}.pretokenizers[${i}]`,
        step: parsePreTokenizer(step, `${field}.pretokenizers[${i}]`),
      }))
      for (const { at, step } of steps.slice(0, -1)) if (step?.bytes) throw unsupported(at, 'a pre-tokenizer after ByteLevel')
      return { cut: sequence(steps.flatMap(({ step }) => (step ? [step.cut] : []))), bytes: steps.at(-1)?.step?.bytes ?? false }
    }
    case 'ByteLevel':
      return { cut: byteLevel(fields, field), bytes: true }
    case 'Split':
      return characters(split(fields, field))
    case 'Digits':
      return characters(
        flagAt(fields.individual_digits, `${field}.individual_digits`, false)
          ? fromScan(digitsScan)
          : fromScan(splitScan(/\p{N}+/gu)),
      )
    case 'Metaspace':
      return characters(metaspace(fields, field))
    case 'BertPreTokenizer':
      return characters(bertPreTokenizer)
    case 'Whitespace':
      return characters(fromScan(splitScan(wordsAndSymbols, 'Removed', true)))
    case 'WhitespaceSplit':
      return characters(fromScan(splitScan(whitespace, 'Removed')))
    case 'Punctuation':
      return characters(fromScan(splitScan(asciiOrUnicodePunctuation, behaviorAt(fields.behavior, `${field}.behavior`))))
    default:
      throw unsupported(field, `the pre-tokenizer "${type}"`)
  }
}
