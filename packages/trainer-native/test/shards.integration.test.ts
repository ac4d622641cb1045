import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseConfig } from '@qt/core'
import { prepareRows, prepareShards } from '@qt/data'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { binding } from '../src/binding.js'
import { train } from '../src/index.js'
import { fixture } from './support.js'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-train-shards-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const base = fixture('tiny-tied')
const settings = {
  steps: 6,
  batchSize: 2,
  gradAccumulation: 2,
  sequenceLength: 48,
  precision: 'float32',
  packing: true,
  shuffle: true,
} as const

/** Rows of several lengths, so that packing has something to do. */
async function tokens(): Promise<string> {
  const path = join(folder, 'tokens.jsonl')
  const rows = Array.from({ length: 60 }, (_, i) => ({
    input_ids: Array.from({ length: 4 + ((i * 7) % 30) }, (_, at) => (i * 13 + at * 5) % 60),
  }))
  await writeFile(path, rows.map((row) => JSON.stringify(row)).join('\n'))
  return path
}

test('a training on mapped shards is the training on the JSONL that they were made from', async () => {
  const path = await tokens()
  const shards = join(folder, 'shards')
  const data = { path, format: 'tokens', validation: 0.2 } as const
  await prepareShards(parseConfig({ base, data, training: settings }), undefined, { out: shards, shardTokens: 300 })
  const trained = async (name: string, from: { path: string }) => {
    const output = join(folder, name)
    const { adapter, metrics } = await train({ base, data: from, adapter: { rank: 4 }, training: settings, output, threads: 1 })
    return { metrics, weights: await readFile(join(adapter!.path, 'adapter_model.safetensors')) }
  }
  const direct = await trained('direct', data)
  const mapped = await trained('mapped', { path: shards })
  expect(mapped.metrics).toEqual(direct.metrics)
  expect(mapped.weights.equals(direct.weights)).toBe(true)
})

test('a mapped file is the file, and stays when the file is removed or taken from elsewhere', async () => {
  const path = join(folder, 'mapped.bin')
  await writeFile(path, Int32Array.of(1, 2, 3, -4))
  const numbers = new Int32Array(binding().mapFile(path))
  await rm(path)
  expect([...numbers]).toEqual([1, 2, 3, -4])
  await writeFile(path, '')
  expect(binding().mapFile(path).byteLength).toBe(0)
  expect(() => binding().mapFile(join(folder, 'absent'))).toThrow('absent')
})

test('rows of mapped shards are views of one mapping a shard', async () => {
  const path = await tokens()
  const out = join(folder, 'views')
  const config = parseConfig({ base, data: { path, format: 'tokens' }, training: settings })
  const { parts } = await prepareShards(config, undefined, { out, shardTokens: 300 })
  const maps: ArrayBuffer[] = []
  const map = (file: string) => {
    maps.push(binding().mapFile(file))
    return maps.at(-1)!
  }
  const { train: rows } = await prepareRows(parseConfig({ base, data: { path: out }, training: settings }), undefined, { map })
  expect(maps.length).toBe(parts.train.shards.length)
  for (let i = 0; i < rows.length; i++) expect(maps).toContain(rows.row(i).ids.buffer)
})
