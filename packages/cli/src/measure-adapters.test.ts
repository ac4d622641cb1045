import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseConfig } from '@qt/core'
import { prepareRows, prepareShards } from '@qt/data'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { judgePlacements } from './measure-adapters.js'
import { withModel } from './variants.js'

const base = fileURLToPath(new URL('../test/fixtures/tiny.gguf', import.meta.url))
const { signal } = new AbortController()
let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-measure-adapters-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('placements are judged on the tokens that are trained on, each with its weight', async () => {
  const ids = [5, 9, 2, 7, 11, 3]
  const row = (i: number, place: number) =>
    JSON.stringify({ input_ids: ids, labels: ids.map((id, k) => (k === place ? id : -100)), weight: i % 3 })
  const data = join(folder, 'masked.jsonl')
  const config = parseConfig({ base, data: { path: data, validation: 0.2 }, training: { sequenceLength: 8 }, output: folder })
  await writeFile(data, Array.from({ length: 60 }, (_, i) => row(i, i % 3 === 1 ? 2 : 4)).join('\n'))
  const given = { base, data, folder, signal, sequenceLength: 8, engine: { threads: 1 }, onProgress: () => {} }
  // Without an adapter: the model as it is.
  const [judged] = await judgePlacements([{ name: 'none', ranks: new Map() }], [], 1, given)
  const { logs, held } = await withModel(base, { threads: 1, signal }, async ({ scoring, tokenizer }) => ({
    logs: await scoring.score(Uint32Array.from(ids)),
    held: (await prepareRows(config, tokenizer)).validation!,
  }))
  // Of weight 0, 1 and 2: the first are left out, the second learn one place and the third another.
  const counts = [0, 0, 0]
  for (let i = 0; i < held.length; i++) counts[held.row(i).weights?.[0] ?? 1]!++
  const [none = 0, once = 0, twice = 0] = counts
  expect([none, Math.min(once, twice) > 0]).toEqual([0, true])
  expect(judged!.loss.items).toBe(once + twice)
  expect(judged!.loss.value).toBeCloseTo(-(once * logs[2]! + 2 * twice * logs[4]!) / (once + 2 * twice), 5)
})

test('a piece that learns nothing but what begins the next one is not judged', async () => {
  const ids = [5, 9, 2, 7, 11, 3]
  const row = (place: number) => JSON.stringify({ input_ids: ids, labels: ids.map((id, k) => (k === place ? id : -100)) })
  const file = join(folder, 'pieces.jsonl')
  await writeFile(file, Array.from({ length: 40 }, (_, i) => row(i % 2 === 0 ? 2 : 4)).join('\n'))
  const shards = { path: file, validation: 0.4, tooLong: 'split' as const }
  const data = join(folder, 'pieces')
  const { parts } = await prepareShards(parseConfig({ base, data: shards, training: { sequenceLength: 4 } }), undefined, {
    out: data,
  })
  const given = { base, data, folder, signal, sequenceLength: 4, engine: { threads: 1 }, onProgress: () => {} }
  const [judged] = await judgePlacements([{ name: 'none', ranks: new Map() }], [], 1, given)
  const logs = await withModel(base, { threads: 1, signal }, ({ scoring }) => scoring.score(Uint32Array.from(ids)))
  expect(judged!.loss.items).toBeLessThan(parts.validation!.rows)
  expect(judged!.loss.value).toBeCloseTo(-logs[2]!, 5)
})
