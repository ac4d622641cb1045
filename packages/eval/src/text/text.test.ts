import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { z } from 'zod'
import { bleu, words13a } from './bleu.js'
import { extracted, normalised } from './match.js'
import { rouge } from './rouge.js'

// On a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const score = z.tuple([z.number(), z.number(), z.number()])
const fixture = z
  .object({
    pairs: z.array(
      z.object({
        text: z.string(),
        references: z.array(z.string()),
        bleu: z.number(),
        words: z.array(z.string()),
        rouge: z.object({ rouge1: score, rouge2: score, rougeL: score, rougeLsum: score }),
      }),
    ),
    corpora: z.array(z.object({ from: z.number(), count: z.number(), bleu: z.number() })),
  })
  .parse(JSON.parse(await readFile(new URL('../../test/fixtures/text-metrics.json', import.meta.url), 'utf8')))

const near = (value: number, expected: number, what: string) =>
  expect(Math.abs(value - expected), `${what}: ${value} and ${expected}`).toBeLessThanOrEqual(
    1e-9 * Math.max(1, Math.abs(expected)),
  )

test('BLEU is that of sacrebleu, of segments and of corpora, with its words', () => {
  for (const { text, references, words, bleu: expected } of fixture.pairs) {
    expect(words13a(text)).toEqual(words)
    near(bleu([text], [references]), expected, text)
  }
  for (const { from, count, bleu: expected } of fixture.corpora) {
    const part = fixture.pairs.slice(from, from + count)
    near(
      bleu(
        part.map(({ text }) => text),
        part.map(({ references }) => references),
      ),
      expected,
      `corpus of ${count}`,
    )
  }
})

test('ROUGE is that of rouge-score', () => {
  for (const { text, references, rouge: expected } of fixture.pairs) {
    const scores = rouge(text, references[0]!)
    for (const kind of ['rouge1', 'rouge2', 'rougeL', 'rougeLsum'] as const) {
      const { precision, recall, f } = scores[kind]
      for (const [i, value] of [precision, recall, f].entries()) near(value, expected[kind][i]!, `${kind} of ${text}`)
    }
  }
})

const text = fc
  .array(fc.constantFrom('a', 'b', 'the', 'cat', '3.5', '.', 'naïve', '\n'), { maxLength: 20 })
  .map((words) => words.join(' '))

test('scores lie between nothing and all; a text against itself has all', () => {
  fc.assert(
    fc.property(text, text, (one, other) => {
      const value = bleu([one], [[other]])
      expect(value).toBeGreaterThanOrEqual(0)
      expect(value).toBeLessThanOrEqual(100 + 1e-9)
      if (words13a(one).length >= 4) expect(bleu([one], [[one]])).toBeCloseTo(100, 9)
      const { rouge1, rougeL, rougeLsum } = rouge(one, other)
      for (const { precision, recall, f } of [rouge1, rougeL, rougeLsum])
        for (const share of [precision, recall, f]) {
          expect(share).toBeGreaterThanOrEqual(0)
          expect(share).toBeLessThanOrEqual(1)
        }
      // What two texts have in common does not depend on which is called the reference.
      expect(rouge1.precision).toBe(rouge(other, one).rouge1.recall)
      expect(rougeL.f).toBeLessThanOrEqual(rouge1.f + 1e-12)
    }),
  )
})

test('what shall not count is taken out, and the part that counts is found', () => {
  expect(normalised('It is 1,000!', { case: true, punctuation: true })).toBe('it is 1000')
  expect(normalised('$1,000', { characters: '$,' })).toBe('1000')
  expect(extracted('#### 5 and #### 7', { pattern: /#### (\d+)/g, take: 'last' })).toBe('7')
  expect(extracted('none', { pattern: /#### (\d+)/g, take: 'first' })).toBeUndefined()
})
