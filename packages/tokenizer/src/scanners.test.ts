import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hardText } from '../test/texts.js'
import { handWritten } from './known-patterns.js'
import { translateRegex } from './regex.js'
import { type Scan, splitScan } from './scan.js'
import { digitsScan } from './scanners.js'

const cut = (scan: Scan, text: string): string[] => {
  const words: string[] = []
  scan(text, 0, text.length, (from, to) => words.push(text.slice(from, to)))
  return words
}

describe('hand-written scanners', () => {
  it.each([...handWritten, ['\\p{N}', digitsScan] as const])('cut like the pattern %s', (pattern, scan) => {
    const reference = splitScan(translateRegex(pattern, 'pattern'))
    fc.assert(
      fc.property(hardText, (text) => {
        expect(cut(scan, text)).toEqual(cut(reference, text))
      }),
      { numRuns: 2000 },
    )
  })

  it('see no further than the end of their piece', () => {
    for (const scan of handWritten.values()) {
      const words: string[] = []
      scan('x  yz', 1, 3, (from, to) => words.push('x  yz'.slice(from, to)))
      expect(words).toEqual(['  '])
    }
  })
})
