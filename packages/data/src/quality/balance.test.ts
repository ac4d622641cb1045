import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { balanceDataset } from '../balance-dataset.js'
import { addBenchmark } from './benchmarks.js'
import { decontaminateDataset } from './decontaminate-dataset.js'
import { Decontaminator } from './decontaminator.js'
import { qualityReport, qualityReportHtml } from './quality-report.js'
import { SubstringRemover } from './substring-remover.js'

vi.setConfig({ testTimeout: 600_000 })

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-balance-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('every category gets as many records, none of another kind, drawn the same again', async () => {
  const file = join(folder, 'rules.jsonl')
  const sizes = { a: 3, b: 10, c: 5 }
  const records = Object.entries(sizes).flatMap(([category, n]) =>
    Array.from({ length: n }, (_, i) => JSON.stringify({ category, text: `${category}${i}` })),
  )
  await writeFile(file, `${records.join('\n')}\n`)
  for (const [to, each, repeated] of [
    ['smallest', 3, 0],
    ['median', 5, 2],
    ['largest', 10, 8],
    [7, 7, 5],
  ] as const) {
    const out = join(folder, `${to}.jsonl`)
    const result = await balanceDataset(file, { out, to })
    const written = (await readFile(out, 'utf8')).trim().split('\n')
    expect(written.every((line) => records.includes(line))).toBe(true)
    expect(Object.values(result.categories).map(({ after }) => after)).toEqual([each, each, each])
    expect(written).toHaveLength(3 * each)
    expect(result.repeated, String(to)).toBe(repeated)
    const again = join(folder, 'again.jsonl')
    await balanceDataset(file, { out: again, to })
    expect(await readFile(again, 'utf8')).toBe(await readFile(out, 'utf8'))
  }
})

test('runs of words that stood earlier go, and nothing else', () => {
  const remover = new SubstringRemover({ words: 5 })
  const notice = 'All rights reserved, no part may be copied.'
  expect(remover.remove(`One. ${notice} Two.`)).toEqual({ text: `One. ${notice} Two.`, removed: 0 })
  expect(remover.remove(`Three! ${notice} Four.`).text).toBe('Three!  Four.')
  expect(remover.remove('rights reserved, no part').removed).toBe(0)
  expect(remover.remove('x ALL RIGHTS reserved no part MAY y').text).toBe('x  y')
})

test('removing runs agrees with looking for every run in all that was before', () => {
  const word = fc.constantFrom('a', 'b', 'c')
  fc.assert(
    fc.property(fc.array(fc.array(word, { maxLength: 30 }), { maxLength: 8 }), (texts) => {
      const n = 3
      const remover = new SubstringRemover({ words: n })
      const seen = new Set<string>()
      for (const words of texts) {
        const gone = words.map(() => false)
        for (let i = 0; i + n <= words.length; i++) {
          const run = words.slice(i, i + n).join(' ')
          if (seen.has(run)) gone.fill(true, i, i + n)
          seen.add(run)
        }
        const left = remover.remove(words.join(' ')).text.split(' ').filter(Boolean)
        expect(left).toEqual(words.filter((_, i) => !gone[i]))
      }
    }),
  )
})

test('a benchmark by its name has its fields compared, and what it shares is left out', async () => {
  const question = 'Janet has sixteen ducks that lay three eggs each day and she sells the rest of them at the market.'
  const bench = join(folder, 'gsm8k.jsonl')
  await writeFile(
    bench,
    `${JSON.stringify({ question, answer: '#### 18', about: 'a note about how this benchmark was made long ago by many people' })}\n`,
  )
  const data = join(folder, 'mixed.jsonl')
  const about = 'a note about how this benchmark was made long ago by many people'
  await writeFile(data, [question, about, 'Something else.'].map((text) => JSON.stringify({ text: `See: ${text}` })).join('\n'))
  const out = join(folder, 'clean.jsonl')
  const places: string[] = []
  const result = await decontaminateDataset(data, {
    benchmarks: { GSM8K: bench },
    n: 10,
    out,
    onContaminated: (place) => places.push(place),
  })
  expect(result).toEqual({ records: 3, kept: 2, removed: 1, benchmarks: { GSM8K: { items: 1, contaminated: 1 } } })
  expect(places).toEqual([`${data}:1`])
  expect(await readFile(out, 'utf8')).not.toContain('Janet')
  // Of a benchmark that is not known all counts.
  const other = await decontaminateDataset(data, { benchmarks: { mine: bench }, n: 10 })
  expect(other.removed).toBe(1)
  await writeFile(join(folder, 'none.jsonl'), '\n')
  await expect(addBenchmark(new Decontaminator(), 'gsm9k', join(folder, 'none.jsonl'))).rejects.toMatchObject({
    code: 'DATA_NOT_FOUND',
    actions: expect.arrayContaining([{ label: 'Did you mean gsm8k?' }]),
  })
})

test('a quality report fails what repeats itself or lacks a category', async () => {
  const file = join(folder, 'poor.jsonl')
  const line = JSON.stringify({
    category: 'a',
    prompt: 'Tell me about the long road to the north',
    completion: 'It is long and it goes north.',
  })
  await writeFile(file, `${Array.from({ length: 30 }, () => line).join('\n')}\n`)
  const report = await qualityReport(file, { categories: { a: { from: 10, to: 20 }, b: { from: 10, to: 20 } } })
  expect(report.passed).toBe(false)
  expect(report.nearDuplicates).toBe(29)
  const failed = report.checks.filter(({ passed }) => !passed).map(({ name }) => name)
  expect(failed).toEqual(
    expect.arrayContaining(['share of near-duplicates', 'share of the commonest opening', 'examples of a', 'examples of b']),
  )
  const html = qualityReportHtml(report)
  expect(html).toContain('FAILED')
  expect(html).toContain('distinct-2')
})
