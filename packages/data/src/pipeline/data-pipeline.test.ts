import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { diffDatasets } from '../diff-datasets.js'
import { findFiles } from '../find-files.js'
import { runDataPipeline } from './run-data-pipeline.js'

vi.setConfig({ testTimeout: 600_000 })

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-data-pipeline-'))
  const words = ['river', 'lantern', 'meadow', 'copper', 'harbour', 'signal', 'winter', 'orchard', 'thunder', 'velvet']
  const said = (index: number): string =>
    Array.from({ length: 12 }, (_, place) => words[(index * (place + 3) + ((index >> place) % 7)) % words.length]).join(' ')
  const lines = Array.from({ length: 90 }, (_, index) =>
    JSON.stringify({
      id: `r${index}`,
      category: index % 3 === 0 ? 'rare' : 'common',
      prompt: `Question ${index}: what of ${said(index)}?`,
      // Every tenth has no answer, every ninth repeats its neighbour.
      completion: index % 10 === 9 ? '' : `Answer ${index % 9 === 8 ? index - 1 : index}: ${said(index * 31)}.`,
    }),
  )
  await writeFile(join(folder, 'raw.jsonl'), `${lines.join('\n')}\n`)
  await writeFile(
    join(folder, 'bench.jsonl'),
    `${JSON.stringify({ prompt: JSON.parse(lines[5]!).prompt, canonical_solution: '' })}\n`,
  )
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const recipe = (output: string, more = ''): string => `input: raw.jsonl
output: ${output}
threads: 1
chunk: 20
steps:
  - fix
  - filter: { where: "category in ['rare', 'common']", shortest: 10 }
  - decontaminate: { benchmarks: { humaneval: bench.jsonl }, n: 15 }
  - dedup: { similarity: 0.95 }
${more}  - split: { validation: 0.25 }
`
const write = async (name: string, text: string): Promise<string> => {
  const file = join(folder, name)
  await writeFile(file, text)
  return file
}

test('steps leave out what they should, and the dataset says what became of it', async () => {
  const file = await write('first.yaml', recipe('first'))
  const seen: boolean[] = []
  const manifest = await runDataPipeline(file, { onProgress: ({ reused }) => seen.push(reused) })
  const [records, splits] = [manifest.stages[0]!, manifest.stages.at(-1)!]
  expect(records.dropped).toEqual({ 'fix: missing-output': 9, 'decontaminate: humaneval': 1 })
  expect(records).toMatchObject({ records: 90, kept: 80 })
  expect(manifest.outputs.map(({ file }) => file)).toEqual(['train.jsonl', 'validation.jsonl'])
  expect(manifest.outputs.reduce((sum, { records }) => sum + records, 0)).toBe(splits.kept)
  expect(JSON.parse(await readFile(join(folder, 'first/dataset.json'), 'utf8'))).toEqual(manifest)
  expect(seen).not.toContain(true)

  // The same again does nothing, and gives the same.
  const again: boolean[] = []
  expect(await runDataPipeline(file, { onProgress: ({ reused }) => again.push(reused) })).toEqual(manifest)
  expect(again).toEqual([true, true, true])
})

test('threads and the size of chunks change nothing in what comes out', async () => {
  const one = await runDataPipeline(await write('one.yaml', recipe('one')))
  const two = await runDataPipeline(
    await write('two.yaml', recipe('two').replace('threads: 1', 'threads: 2').replace('chunk: 20', 'chunk: 7')),
  )
  expect(two.version).toBe(one.version)
  expect(two.stages).toEqual(one.stages)
})

test('an interrupted run goes on with the chunks that are missing', async () => {
  const file = await write('cut.yaml', recipe('cut'))
  const abort = new AbortController()
  const run = runDataPipeline(file, { signal: abort.signal, onProgress: ({ records }) => records >= 40 && abort.abort() })
  await expect(run).rejects.toMatchObject({ name: 'AbortError' })
  const steps = join(folder, 'cut/.steps')
  const [stage = ''] = await readdir(steps)
  const parts = (await readdir(join(steps, stage))).filter((name) => name.endsWith('.json'))
  expect(parts.length).toBeGreaterThanOrEqual(2)
  expect(parts).not.toContain('stage.json')
  // What is done is not done again: a mark in a finished chunk survives.
  const first = join(steps, stage, 'part-000000.jsonl')
  const old = new Date(2001, 1, 1)
  await utimes(first, old, old)
  const resumed = await runDataPipeline(file)
  const { version } = await runDataPipeline(await write('uncut.yaml', recipe('uncut')))
  expect(resumed.version).toBe(version)
  expect((await stat(first)).mtimeMs).toBe(old.getTime())
})

test('a changed step does again only what follows it, and diff says what changed', async () => {
  const file = await write('changed.yaml', recipe('changed'))
  await runDataPipeline(file)
  await write('changed.yaml', recipe('changed-2'))
  await runDataPipeline(join(folder, 'changed.yaml'))
  expect(await diffDatasets(join(folder, 'changed'), join(folder, 'changed-2'))).toMatchObject({
    added: 0,
    removed: 0,
    changed: 0,
  })
  const reused: boolean[] = []
  await write('changed.yaml', recipe('changed-2', '  - balance: { to: smallest }\n'))
  await runDataPipeline(join(folder, 'changed.yaml'), { onProgress: (one) => reused.push(one.reused) })
  expect(reused.slice(0, 2)).toEqual([true, true])
  expect(reused.slice(2)).toContain(false)
  const diff = await diffDatasets(join(folder, 'changed'), join(folder, 'changed-2'))
  expect(diff.removed).toBeGreaterThan(10)
  expect(diff).toMatchObject({ added: 0, changed: 0, categories: { common: [expect.any(Number), expect.any(Number)] } })
  expect(diff.same + diff.removed).toBe(diff.records[0])
})

test('what is no pipeline is refused with file, line and field', async () => {
  const wrong = async (steps: string) =>
    runDataPipeline(await write('wrong.yaml', `input: raw.jsonl\noutput: w\nsteps:\n  ${steps}\n`))
  await expect(wrong('- dedupe')).rejects.toMatchObject({ code: 'DATA_PIPELINE', where: { line: 4, field: 'steps.0' } })
  await expect(wrong('- split\n  - dedup')).rejects.toThrow('A split is the last step')
  await expect(wrong('- filter: { where: "x ==" }')).rejects.toThrow('ends too early')
  await expect(wrong('- dedup: { similarity: 2 }')).rejects.toMatchObject({ where: { field: 'steps.0.dedup.similarity' } })
  await expect(runDataPipeline(await write('wrong.yaml', '['))).rejects.toMatchObject({
    code: 'CONFIG_SYNTAX',
  })
})

test('records are compared by what they say, not by the order of their fields', async () => {
  await write('a.jsonl', '{"id":1,"text":"x","category":"c"}\n{"id":2,"text":"y"}\n{"id":3,"text":"z"}\n')
  await write('b.jsonl', '{"id":2,"text":"changed"}\n{"category":"c","text":"x","id":1}\n{"id":4,"text":"new"}\n')
  const told: string[] = []
  const diff = await diffDatasets(join(folder, 'a.jsonl'), join(folder, 'b.jsonl'), {
    onDifference: (kind, place) => told.push(`${kind} ${place.replace(folder, '')}`),
  })
  expect(diff).toMatchObject({ records: [3, 3], same: 1, added: 1, removed: 1, changed: 1 })
  expect(told).toEqual(['changed /b.jsonl:1', 'added /b.jsonl:3', 'removed /a.jsonl:3'])
})

const exists = async (path: string) => (await stat(path).catch(() => undefined)) !== undefined

test('an output folder that input lies in, or that lies in the input, is refused before anything is written', async () => {
  await mkdir(join(folder, 'own'), { recursive: true })
  const own = join(folder, 'own/train.jsonl')
  await writeFile(own, '{"text":"mine"}\n')
  const refused = async (text: string) => {
    const run = runDataPipeline(await write('overlap.yaml', text))
    await expect(run).rejects.toMatchObject({ code: 'DATA_PIPELINE', where: { field: 'output' } })
  }
  await refused('input: own/train.jsonl\noutput: own\n')
  await refused('input: own\noutput: own/made\n')
  await refused('input: own/*.jsonl\noutput: own\n')
  await refused('input: raw.jsonl\noutput: own\nsteps:\n  - decontaminate: { benchmarks: { mine: own/train.jsonl } }\n')
  expect(await readdir(join(folder, 'own'))).toEqual(['train.jsonl'])
  expect(await readFile(own, 'utf8')).toBe('{"text":"mine"}\n')
})

test('of what lies in the output folder only what an earlier run wrote is removed', async () => {
  await mkdir(join(folder, 'mixed'), { recursive: true })
  const own = join(folder, 'mixed/train.jsonl')
  await writeFile(own, '{"text":"mine"}\n')
  await runDataPipeline(await write('mixed.yaml', 'input: raw.jsonl\noutput: mixed\n'))
  expect(await readFile(own, 'utf8')).toBe('{"text":"mine"}\n')
  expect(await exists(join(folder, 'mixed/data.jsonl'))).toBe(true)
  await runDataPipeline(await write('mixed.yaml', 'input: raw.jsonl\noutput: mixed\nsteps:\n  - split: { test: 0.2 }\n'))
  expect(await exists(join(folder, 'mixed/data.jsonl'))).toBe(false)
  expect(await exists(join(folder, 'mixed/test.jsonl'))).toBe(true)
})

test('what a pipeline says of its data is not read as data, and data of that name is', async () => {
  const made = await runDataPipeline(await write('told.yaml', 'input: raw.jsonl\noutput: told\n'))
  expect(made.outputs).toHaveLength(1)
  expect(await findFiles(join(folder, 'told'))).toEqual([join(folder, 'told/data.jsonl')])
  expect((await findFiles(join(folder, 'told/*'))).map((file) => resolve(file))).toEqual([join(folder, 'told/data.jsonl')])
  await mkdir(join(folder, 'named'), { recursive: true })
  await writeFile(join(folder, 'named/dataset.json'), '[{"text":"data"}]')
  expect(await findFiles(join(folder, 'named'))).toEqual([join(folder, 'named/dataset.json')])
})

test('a broken benchmark is said by threads as it is without them', async () => {
  await write('broken.jsonl', '{"prompt": "cut')
  const broken = (threads: number) =>
    recipe(`broken-${threads}`).replace('bench.jsonl', 'broken.jsonl').replace('threads: 1', `threads: ${threads}`)
  const said = async (threads: number): Promise<unknown> =>
    runDataPipeline(await write('broken.yaml', broken(threads))).catch((error: unknown) => error)
  const alone = await said(1)
  expect(alone).toMatchObject({ code: 'DATA_SYNTAX' })
  expect(await said(2)).toMatchObject({ code: 'DATA_SYNTAX', message: (alone as Error).message })
})

test('a licence that is not wanted is seen behind other reasons', async () => {
  const line = (name: string, licence: string) =>
    JSON.stringify({
      content: `x = "${'long '.repeat(300)}${name}"`,
      max_stars_repo_licenses: [licence],
      lang: 'Python',
      ext: 'py',
    })
  await write('code.jsonl', `${line('a', 'GPL-3.0')}\n${line('b', 'MIT')}\n`)
  const filter = 'input: code.jsonl\noutput: licensed\nthreads: 1\nsteps:\n  - filter: { licences: permissive }\n'
  const { stages } = await runDataPipeline(await write('licence.yaml', filter))
  expect(stages[0]).toMatchObject({ records: 2, kept: 1, dropped: { 'filter: licence': 1 } })
})

test('the manifest has hashes of files as they lie, and says how many a balance left out', async () => {
  const packed = gzipSync(await readFile(join(folder, 'raw.jsonl')))
  await writeFile(join(folder, 'packed.jsonl.gz'), packed)
  const text = 'input: packed.jsonl.gz\noutput: packed\nthreads: 1\nsteps:\n  - balance: { to: smallest }\n'
  const { inputs, stages } = await runDataPipeline(await write('packed.yaml', text))
  const sha256 = createHash('sha256').update(packed).digest('hex')
  expect(inputs).toEqual([{ file: '../packed.jsonl.gz', bytes: packed.length, sha256 }])
  expect(stages[1]).toMatchObject({ records: 90, kept: 60, dropped: { 'balance: common': 30 } })
})

test('an address stays in the manifest as it is', async () => {
  const server = createServer((_, response) => response.end('{"text":"from afar"}\n'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const bound = server.address()
  const address = `http://127.0.0.1:${typeof bound === 'object' && bound !== null ? bound.port : 0}/data.jsonl`
  try {
    const { inputs } = await runDataPipeline(await write('afar.yaml', `input: ${address}\noutput: afar\nthreads: 1\n`))
    expect(inputs).toMatchObject([{ file: address, bytes: 21 }])
  } finally {
    server.close()
  }
})
