import { usageError } from '@qt/core'

/** Walks through a text file line by line, field by field, without making strings of what are numbers. */
export interface Lines {
  /** From 1 on. */
  readonly line: number
  /** Goes to the next line that has fields; false at the end. */
  next(): boolean
  /** The line as text, without spaces around it. */
  text(): string
  /** Whether the line begins with one of these characters. */
  startsWith(characters: string): boolean
  /** The next field as a number, or undefined at the end of the line. */
  number(): number | undefined
  /** The next field as text, or undefined at the end of the line. */
  word(): string | undefined
}

const [tab, newline, return_, space, minus, plus, zero, nine, comma] = [9, 10, 13, 32, 45, 43, 48, 57, 44]
const decoder = new TextDecoder()

export function linesOf(bytes: Uint8Array, file: string | undefined): Lines {
  let line = 0
  let start = 0
  let end = bytes[0] === 0xef && bytes[1] === 0xbb ? 3 : 0
  let at = end
  let first = true

  // Fields are divided by spaces, tabs or commas; lines end in any of the three ways, a file in one of them.
  const lineEnd = bytes.includes(newline) ? newline : return_
  const blank = (byte: number) => byte === space || byte === tab || byte === comma || byte === return_
  const skip = () => {
    while (at < end && blank(bytes[at]!)) at++
  }
  const fieldEnd = () => {
    let to = at
    while (to < end && !blank(bytes[to]!)) to++
    return to
  }
  const bad = (text: string) =>
    usageError('QUBO_FILE', `"${text}" is no number.`, {
      where: { ...(file === undefined ? {} : { file }), line },
      actions: ['Write a number, with a point as its decimal sign.'],
    })
  return {
    get line() {
      return line
    },
    next() {
      for (;;) {
        start = first ? end : end + 1
        first = false
        if (start >= bytes.length) return false
        end = bytes.indexOf(lineEnd, start)
        if (end < 0) end = bytes.length
        line++
        at = start
        skip()
        start = at
        if (at < end) return true
      }
    },
    text: () => decoder.decode(bytes.subarray(start, end)).trim(),
    startsWith: (characters) => characters.includes(String.fromCharCode(bytes[start]!)),
    number() {
      skip()
      if (at >= end) return undefined
      const from = at
      let digit = bytes[at]!
      const negative = digit === minus
      if (negative || digit === plus) digit = bytes[++at]!
      let value = 0
      const firstDigit = at
      while (at < end && digit >= zero && digit <= nine) {
        value = 10 * value + (digit - zero)
        digit = bytes[++at]!
      }
      if ((at >= end || blank(digit)) && at > firstDigit && at - firstDigit < 16) return negative ? -value : value
      at = from
      const text = decoder.decode(bytes.subarray(at, fieldEnd()))
      at = fieldEnd()
      const parsed = Number(text)
      if (text === '' || !Number.isFinite(parsed)) throw bad(text)
      return parsed
    },
    word() {
      skip()
      if (at >= end) return undefined
      const to = fieldEnd()
      const text = decoder.decode(bytes.subarray(at, to))
      at = to
      return text
    },
  }
}
