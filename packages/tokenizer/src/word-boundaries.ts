import { PairTable } from './pair-table.js'
import type { Scan } from './scan.js'

/**
 * Vocabularies that merge over whole texts (SentencePiece) can still be cut into words, with the same result,
 * wherever no token reaches across: between two characters that are neighbours within no token.
 * Words can then be remembered, and no text costs more than its longest word.
 */
export function wordBoundaries(tokens: Iterable<string>): Scan {
  const ascii = new Uint8Array(0x80 * 0x80)
  const others = new PairTable(4096)
  for (const token of tokens) {
    for (let i = 1; i < token.length; i++) {
      const left = token.charCodeAt(i - 1)
      const right = token.charCodeAt(i)
      if (left < 0x80 && right < 0x80) ascii[left * 0x80 + right] = 1
      else others.set(left, right, 1)
    }
  }
  const joined = (left: number, right: number): boolean =>
    left < 0x80 && right < 0x80 ? ascii[left * 0x80 + right] === 1 : others.get(left, right) > 0 || (left & 0xfc00) === 0xd800
  return (text, from, to, emit) => {
    let start = from
    let left = text.charCodeAt(from)
    for (let i = from + 1; i < to; i++) {
      const right = text.charCodeAt(i)
      if (!joined(left, right)) {
        emit(start, i)
        start = i
      }
      left = right
    }
    if (start < to) emit(start, to)
  }
}
