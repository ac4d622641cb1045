import { describe, expect, it } from 'vitest'
import { type SplitBehavior, splitScan } from './scan.js'

const cut = (behavior: SplitBehavior, invert = false) => {
  const words: string[] = []
  const text = 'the-final--countdown'
  splitScan(/-/gu, behavior, invert)(text, 0, text.length, (from, to) => words.push(text.slice(from, to)))
  return words
}

// The examples of Hugging Face's documentation of SplitDelimiterBehavior.
describe('splitScan', () => {
  it('keeps matches apart', () => expect(cut('Isolated')).toEqual(['the', '-', 'final', '-', '-', 'countdown']))
  it('removes matches', () => expect(cut('Removed')).toEqual(['the', 'final', 'countdown']))
  it('removes what lies between when inverted', () => expect(cut('Removed', true)).toEqual(['-', '-', '-']))
  it('merges a match with what precedes it', () =>
    expect(cut('MergedWithPrevious')).toEqual(['the-', 'final-', '-', 'countdown']))
  it('merges a match with what follows it', () => expect(cut('MergedWithNext')).toEqual(['the', '-final', '-', '-countdown']))
  it('merges neighbouring matches', () => expect(cut('Contiguous')).toEqual(['the', '-', 'final', '--', 'countdown']))
})
