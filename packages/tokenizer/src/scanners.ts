import type { Emit, Scan } from './scan.js'
import { characterClasses, letter, mark, number, punctuation, space } from './unicode.js'

/** The end of the run of characters from `i` whose class has (or, negated, lacks) one of the bits. */
function runEnd(classes: Uint8Array, text: string, from: number, to: number, bits: number, wanted: boolean): number {
  let i = from
  while (i < to) {
    const unit = text.charCodeAt(i)
    if (unit >= 0xd800 && unit <= 0xdbff && i + 1 < to) {
      const point = text.codePointAt(i)!
      if (((classes[point]! & bits) !== 0) !== wanted) break
      i += point > 0xffff ? 2 : 1
    } else {
      if (((classes[unit]! & bits) !== 0) !== wanted) break
      i++
    }
  }
  return i
}

/** Length of an English contraction ('s, 't, 'm, 'd, 're, 've, 'll) after the apostrophe at `i`, or 0. */
function contraction(text: string, i: number, to: number, anyCase: boolean): number {
  if (i + 1 >= to) return 0
  const fold = anyCase ? 0x20 : 0
  const first = text.charCodeAt(i + 1)
  const a = first === 0x17f && anyCase ? 0x73 : first < 0x80 ? first | fold : 0
  if (a === 0x73 || a === 0x74 || a === 0x6d || a === 0x64) return 2
  if (i + 2 >= to) return 0
  const second = text.charCodeAt(i + 2)
  const b = second < 0x80 ? second | fold : 0
  return (a === 0x72 && b === 0x65) || (a === 0x76 && b === 0x65) || (a === 0x6c && b === 0x6c) ? 3 : 0
}

/**
 * GPT-2's pattern by hand:
 * `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
 */
export const gpt2Scan: Scan = Object.assign(scanLikeGpt2, { rules: { kind: 'gpt2' } as const })

function scanLikeGpt2(text: string, from: number, to: number, emit: Emit): void {
  const classes = characterClasses()
  let i = from
  while (i < to) {
    const unit = text.charCodeAt(i)
    if (unit === 0x27) {
      const length = contraction(text, i, to, false)
      if (length > 0) {
        emit(i, i + length)
        i += length
        continue
      }
    }
    const body = unit === 0x20 && i + 1 < to ? i + 1 : i
    const kind = classes[body === i && (unit < 0xd800 || unit > 0xdbff) ? unit : text.codePointAt(body)!]!
    let end: number
    if (kind & letter) end = runEnd(classes, text, body, to, letter, true)
    else if (kind & number) end = runEnd(classes, text, body, to, number, true)
    else if (!(kind & space)) end = runEnd(classes, text, body, to, letter | number | space, false)
    else {
      end = runEnd(classes, text, i, to, space, true)
      // \s+(?!\S) leaves the last space to the word after it.
      if (end < to && end - i > 1) end--
    }
    emit(i, end)
    i = end
  }
}

export interface Llama3Options {
  /** The longest run of digits that stays together. */
  readonly digits: number
  /** Combining marks count as letters (Qwen 3.5). */
  readonly marks?: boolean
  /** Contractions also match U+017F for s, as case folding in Oniguruma does. */
  readonly contractions?: boolean
}

/**
 * The pattern of Llama 3, Qwen 2 and their kin by hand:
 * `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
 */
export function llama3Scan({ digits, marks = false, contractions = true }: Llama3Options): Scan {
  const word = marks ? letter | mark : letter
  const scan: Scan = (text, from, to, emit) => {
    const classes = characterClasses()
    let i = from
    while (i < to) {
      const unit = text.charCodeAt(i)
      if (unit === 0x27 && contractions) {
        const length = contraction(text, i, to, true)
        if (length > 0) {
          emit(i, i + length)
          i += length
          continue
        }
      }
      const point = unit >= 0xd800 && unit <= 0xdbff && i + 1 < to ? text.codePointAt(i)! : unit
      const next = i + (point > 0xffff ? 2 : 1)
      const kind = classes[point]!
      let end = i
      if (kind & word) end = runEnd(classes, text, next, to, word, true)
      else if (kind & number) {
        end = i
        for (let taken = 0; taken < digits && end < to; taken++) {
          const one = text.codePointAt(end)!
          if (!(classes[one]! & number)) break
          end += one > 0xffff ? 2 : 1
        }
      } else {
        if (unit !== 0x0a && unit !== 0x0d) {
          end = runEnd(classes, text, next, to, word, true)
          if (end === next) end = i
        }
        const body = unit === 0x20 ? next : i
        if (end === i && body < to) {
          const stop = runEnd(classes, text, body, to, space | word | number, false)
          if (stop > body) {
            end = stop
            while (end < to && (text.charCodeAt(end) === 0x0a || text.charCodeAt(end) === 0x0d)) end++
          }
        }
        if (end === i) end = whitespaceEnd(classes, text, i, to)
      }
      emit(i, end)
      i = end
    }
  }
  return Object.assign(scan, { rules: { kind: 'llama3', digits, marks, contractions } as const })
}

/** `\s*[\r\n]+|\s+(?!\S)|\s+` */
function whitespaceEnd(classes: Uint8Array, text: string, from: number, to: number): number {
  const end = runEnd(classes, text, from, to, space, true)
  for (let i = end; i > from; i--) {
    const unit = text.charCodeAt(i - 1)
    if (unit === 0x0a || unit === 0x0d) return i
  }
  return end < to && end - from > 1 ? end - 1 : end
}

/** Every `\p{N}` by itself, what lies between together. */
export const digitsScan: Scan = (text, from, to, emit) => {
  const classes = characterClasses()
  let start = from
  for (let i = from; i < to; ) {
    const point = text.codePointAt(i)!
    const next = i + (point > 0xffff ? 2 : 1)
    if (classes[point]! & number) {
      if (start < i) emit(start, i)
      emit(i, next)
      start = next
    }
    i = next
  }
  if (start < to) emit(start, to)
}

/**
 * Runs of digits in groups of three from the right, `1 234 567`, and what lies between together. `digits` finds the runs; one after which
 * `unless` matches stays whole. As a pattern that counts to the end of the run from each digit it would not be linear.
 */
export const digitGroupsScan =
  (digits: RegExp, unless?: RegExp): Scan =>
  (text, from, to, emit) => {
    const piece = text.slice(from, to)
    let start = from
    for (const { 0: run, index } of piece.matchAll(digits)) {
      const end = index + run.length
      if (unless && end < piece.length && unless.test(String.fromCodePoint(piece.codePointAt(end)!))) continue
      const points = Array.from(run)
      let at = from + index
      if (start < at) emit(start, at)
      for (let taken = 0; taken < points.length; ) {
        const first = at
        for (let left = (points.length - taken) % 3 || 3; left > 0; left--) at += points[taken++]!.length
        emit(first, at)
      }
      start = at
    }
    if (start < to) emit(start, to)
  }

/** Words between white space, which is left out, and every punctuation character by itself (BERT). */
export const bertScan: Scan = (text, from, to, emit) => {
  const classes = characterClasses()
  let i = from
  while (i < to) {
    i = runEnd(classes, text, i, to, space, true)
    if (i >= to) return
    const point = text.codePointAt(i)!
    const end =
      classes[point]! & punctuation ? i + (point > 0xffff ? 2 : 1) : runEnd(classes, text, i, to, space | punctuation, false)
    emit(i, end)
    i = end
  }
}
