import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { diffDatasets } from '../diff-datasets.js'
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
