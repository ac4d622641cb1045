import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { dedupDataset } from './dedup-dataset.js'
import { readRecordBatches } from './read-records.js'
import { splitDataset } from './split-dataset.js'

// Counted, not replaced.
vi.mock('./read-records.js', { spy: true })

// Other work may share the machine.
vi.setConfig({ testTimeout: 120_000 })

let folder = ''
let file = ''
const words = (from: number) => Array.from({ length: 30 }, (_, i) => `word${from * 100 + i}`)
const record = (text: readonly string[], category: string) => ({
  instruction: text.join(' '),
  output: `About ${text[0]}.`,
  category,
})
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-split-'))
  file = join(folder, 'all.jsonl')
  // 100 records of two categories; every fourth is the one before it with its last word changed.
  const records = Array.from({ length: 100 }, (_, i) =>
    record(i % 4 === 3 ? [...words(i - 1).slice(0, -1), `new${i}`] : words(i), i % 2 === 0 ? 'a' : 'b'),
  )
  await writeFile(file, records.map((one) => JSON.stringify(one)).join('\n'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const lines = async (path: string): Promise<Record<string, string>[]> =>
  (await readFile(path, 'utf8'))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))

test('near-duplicates are left out, and each is told with what it is like', async () => {
  const out = join(folder, 'unique.jsonl')
  const told: string[] = []
  const result = await dedupDataset(file, { out, onDuplicate: (place, other) => told.push(`${place} ${other}`) })
  expect(result).toMatchObject({ records: 100, kept: 75, removed: 25, parameters: { similarity: 0.8, permutations: 128 } })
  expect(told[0]).toBe(`${file}:4 ${file}:3`)
  expect((await lines(out)).length).toBe(75)
})

test('what lies on disk gives the same file and says the same, and nothing is left of it', async () => {
  const told: [string[], string[]] = [[], []]
  const outs = [join(folder, 'memory.jsonl'), join(folder, 'disk.jsonl')] as const
  const results = []
  for (const side of [0, 1] as const) {
    const onDuplicate = (place: string, other: string, similarity: number) => told[side].push(`${place} ${other} ${similarity}`)
    results.push(await dedupDataset(file, { out: outs[side], onDuplicate, diskFrom: side === 0 ? Number.POSITIVE_INFINITY : 0 }))
  }
  expect(results[1]).toEqual(results[0])
  expect(told[1]).toEqual(told[0])
  expect(told[0].length).toBe(25)
  expect(await readFile(outs[1], 'utf8')).toBe(await readFile(outs[0], 'utf8'))
  expect((await readdir(folder)).filter((name) => name.startsWith('.qt-dedup'))).toEqual([])
})

test('what lies on disk is gone when it is stopped', async () => {
  const path = join(folder, 'many.jsonl')
  const text = (i: number) =>
    [...words(0), ...Array.from({ length: 12 }, (_, j) => `x${(i * 7919 + j * 104_729) % 9999}`)].join(' ')
  await writeFile(path, Array.from({ length: 20_000 }, (_, i) => JSON.stringify({ text: text(i) })).join('\n'))
  const stop = new AbortController()
  const stopped = dedupDataset(path, { out: join(folder, 'stopped.jsonl'), diskFrom: 0, similarity: 0.9, signal: stop.signal })
  const timer = setTimeout(() => stop.abort(), 100)
  await expect(stopped).rejects.toMatchObject({ name: 'AbortError' })
  clearTimeout(timer)
  expect((await readdir(folder)).filter((name) => /^(\.qt-dedup|stopped)/.test(name))).toEqual([])
})

test('where nothing can be written is said before anything is read, and in the same words on disk', async () => {
  // It would be an error by itself if it were read.
  const broken = join(folder, 'broken.jsonl')
  await writeFile(broken, '{"text"\n')
  for (const diskFrom of [0, Number.POSITIVE_INFINITY]) {
    await expect(dedupDataset(broken, { out: join(folder, 'u.parquet'), diskFrom })).rejects.toMatchObject({
      code: 'DATA_FILE_UNSUPPORTED',
      where: { file: join(folder, 'u.parquet') },
    })
    const out = join(folder, 'no/u.jsonl')
    await expect(dedupDataset(file, { out, diskFrom })).rejects.toMatchObject({ code: 'WRITE_FAILED', where: { file: out } })
  }
})

test('what is packed counts ten times', async () => {
  const { size } = await stat(file)
  const packed = `${file}.gz`
  await writeFile(packed, gzipSync(await readFile(file)))
  const onDisk = async (path: string, diskFrom: number) => {
    // The memory way reads once, the disk way twice.
    const before = vi.mocked(readRecordBatches).mock.calls.length
    await dedupDataset(path, { diskFrom })
    return vi.mocked(readRecordBatches).mock.calls.length - before === 2
  }
  const { size: small } = await stat(packed)
  expect([await onDisk(file, size), await onDisk(file, size + 1)]).toEqual([true, false])
  expect([await onDisk(packed, 10 * small), await onDisk(packed, 10 * small + 1)]).toEqual([true, false])
})

test('what means the same in other words is left out as well, and the order stays', async () => {
  // Counts of letters: anagrams mean the same.
  const embedder = {
    dimensions: 26,
    embed: async (texts: readonly string[]) =>
      texts.map((text) => {
        const vector = new Float32Array(26)
        for (const letter of text.match(/[a-z]/g) ?? []) vector[letter.charCodeAt(0) - 97]! += 1
        return vector
      }),
  }
  const path = join(folder, 'meanings.jsonl')
  const out = join(folder, 'meanings-out.jsonl')
  const texts = ['listen to the night', 'apple pie and cream', 'listen to the night', 'silent to the thing', 'a pear']
  // More than are embedded at once, each unlike all others.
  const more = Array.from({ length: 300 }, (_, i) => `${'x'.repeat(1 + i)} ${'y'.repeat(300 - i)} ${'z'.repeat((i * i) % 300)}`)
  await writeFile(path, [...texts, ...more].map((text) => JSON.stringify({ text })).join('\n'))
  const told: unknown[] = []
  const semantic = { embedder, similarity: 1 }
  const onDuplicate = (...of: unknown[]) => told.push(of)
  const result = await dedupDataset(path, { out, semantic, onDuplicate })
  expect(result).toMatchObject({ records: 305, kept: 303, removed: 2, sameMeaning: 1 })
  expect(told).toEqual([
    [`${path}:3`, `${path}:1`, 1, 'words'],
    [`${path}:4`, `${path}:1`, expect.closeTo(1, 5), 'meaning'],
  ])
  expect((await lines(out)).map(({ text }) => text)).toEqual([texts[0], texts[1], texts[4], ...more])
})

test('a split keeps near-duplicates together, shares out the categories, and is the same for a seed', async () => {
  const out = join(folder, 'split')
  const result = await splitDataset(file, { out, shares: { validation: 0.2 } })
  expect(result.together).toEqual({ groups: 25, records: 50 })
  const [train, held] = [await lines(join(out, 'train.jsonl')), await lines(join(out, 'validation.jsonl'))]
  expect([train.length + held.length, Math.abs(held.length - 20) <= 1]).toEqual([100, true])
  const start = (one: Record<string, string>) => one.instruction!.split(' ').slice(0, 5).join(' ')
  const seen = new Set(train.map(start))
  expect(held.filter((one) => seen.has(start(one)))).toEqual([])
  expect(new Set(held.map(({ category }) => category))).toEqual(new Set(['a', 'b']))
  const again = await splitDataset(file, { out: join(folder, 'again'), shares: { validation: 0.2 } })
  expect(await lines(again.files[1]!)).toEqual(held)
})
