import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { characters } from '../../test/text-model.js'
import { type BenchedModel, type BenchReport, benchModel, compareBench, median, readBench } from './bench-model.js'

// On a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** Takes a millisecond for ten tokens of prompt, and two for each that it generates. */
const slow = (asked: string[]): BenchedModel => ({
  name: 'slow',
  tokenizer: characters,
  contextLength: 1000,
  generate: async () => ({ text: '', tokens: 0, why: 'end' }),
  async *stream(prompt, { maxTokens = 1 } = {}) {
    asked.push(String(prompt))
    await wait(String(prompt).length / 10)
    yield 'a'
    await wait(2 * (maxTokens - 1))
    return { text: 'a', tokens: maxTokens, why: 'length' }
  },
  close: async () => {},
})

test('speeds of prompt and generation are told apart, and no prompt is used twice', async () => {
  const asked: string[] = []
  const report = await benchModel(async () => slow(asked), { promptTokens: 500, generatedTokens: 100, repeats: 3 })
  expect(report).toMatchObject({ model: 'slow', promptTokens: 500, generatedTokens: 100, repeats: 3 })
  // At best 10,000 and 500 tokens a second; a busy machine is slower.
  expect(report.promptTokensPerSecond).toBeLessThan(11_000)
  expect(report.generationTokensPerSecond).toBeLessThan(700)
  expect(report.promptTokensPerSecond).toBeGreaterThan(report.generationTokensPerSecond)
  expect(new Set(asked).size).toBe(3)
  expect(asked.every((prompt) => prompt.length === 500)).toBe(true)
  await expect(benchModel(async () => slow([]), { repeats: 0 })).rejects.toMatchObject({ code: 'EVAL_LIMIT_INVALID' })
})

test('a model that ends its answers early is asked again, and one that says nothing is named', async () => {
  let asked = 0
  const early = (lengths: readonly number[]): BenchedModel => ({
    ...slow([]),
    async *stream() {
      const tokens = lengths[asked++ % lengths.length]!
      if (tokens > 0) yield 'a'
      return { text: 'a', tokens, why: 'end' }
    },
  })
  const options = { promptTokens: 20, generatedTokens: 8, repeats: 1 }
  expect(await benchModel(async () => early([1, 5, 3]), options)).toMatchObject({ generatedTokens: 5 })
  expect(asked).toBe(5)
  await expect(benchModel(async () => early([0]), options)).rejects.toMatchObject({ code: 'EVAL_TEXT_TOO_SHORT' })
})

test('the median of an even number lies between the middle two', () => {
  expect([median([3, 1, 2]), median([4, 1, 3, 2])]).toEqual([2, 2.5])
})

test('a measurement is worse when it falls by more than the tolerance', async () => {
  const before: BenchReport = {
    format: 'qt-bench-1',
    model: 'm',
    loadSeconds: 1,
    promptTokensPerSecond: 300,
    generationTokensPerSecond: 120,
    peakMemory: 1000,
    promptTokens: 256,
    generatedTokens: 64,
    repeats: 3,
  }
  const rows = compareBench({ ...before, generationTokensPerSecond: 90, loadSeconds: 1.1, peakMemory: 500 }, before)
  expect(rows.map(({ name, worse }) => [name, worse])).toEqual([
    ['load time', false],
    ['prompt speed', false],
    ['generation speed', true],
    ['peak memory', false],
  ])
  expect(rows[3]!.gain).toBe(2)
  for (const tolerance of [-0.1, 1.5, Number.NaN])
    expect(() => compareBench(before, before, tolerance)).toThrow(expect.objectContaining({ code: 'EVAL_COMPARISON_INVALID' }))
  for (const other of [{ promptTokens: 2048 }, { generatedTokens: 8 }])
    expect(() => compareBench({ ...before, ...other }, before)).toThrow(
      expect.objectContaining({ code: 'EVAL_COMPARISON_INVALID', kind: 'usage' }),
    )
  expect(compareBench({ ...before, promptTokens: 255, generatedTokens: 50 }, before).some(({ worse }) => worse)).toBe(false)
  const folder = await mkdtemp(join(tmpdir(), 'qt-bench-'))
  await writeFile(join(folder, 'b.json'), JSON.stringify(before))
  await writeFile(join(folder, 'bad.json'), '{}')
  expect(await readBench(join(folder, 'b.json'))).toEqual(before)
  await expect(readBench(join(folder, 'bad.json'))).rejects.toMatchObject({ code: 'EVAL_REPORT_INVALID' })
  await rm(folder, { recursive: true })
})
