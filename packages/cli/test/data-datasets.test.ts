import { existsSync } from 'node:fs'
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { qt, start } from './qt.js'

// Processes on a busy machine.
vi.setConfig({ testTimeout: 600_000 })

const examples = fileURLToPath(new URL('../../../examples/', import.meta.url))
const model = fileURLToPath(new URL('../../base-model/model/base.gguf', import.meta.url))
let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-datasets-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('generate makes the same file again, report measures it, balance evens it out', async () => {
  const [out, again] = [join(folder, 'rules.jsonl'), join(folder, 'again.jsonl')]
  const { stdout } = await qt(['data', 'generate', 'coding-rules', '--size', '120', '--out', out])
  expect(stdout).toContain('120 examples of coding-rules')
  await qt(['data', 'generate', 'coding-rules', '--size', '120', '--out', again])
  expect(await readFile(again, 'utf8')).toBe(await readFile(out, 'utf8'))
  const page = join(folder, 'quality.html')
  const report = await qt(['data', 'report', out, '--templates', 'coding-rules', '--out', page])
  expect(report.stdout).toContain('examples of oodatcaa')
  expect(report.code, report.stdout).toBe(0)
  expect(await readFile(page, 'utf8')).toContain('Every check passed.')
  const balanced = await qt(['data', 'balance', out, '--to', '10', '--out', join(folder, 'balanced.jsonl'), '--json'])
  expect(JSON.parse(balanced.stdout).records).toBe(60)
})

test('the example of imported data runs, mends, deduplicates and splits', async () => {
  const dir = join(folder, 'import-data')
  await cp(join(examples, 'import-data'), dir, { recursive: true })
  const { code, stdout } = await qt(['data', 'run', join(dir, 'pipeline.yaml')])
  expect(code, stdout).toBe(0)
  expect(stdout).toContain('1 left out, fix: empty-turn')
  expect(stdout).toContain('1 left out, dedup: nearly the same')
  const parts = await Promise.all(['train', 'validation'].map((name) => readFile(join(dir, `output/${name}.jsonl`), 'utf8')))
  expect(parts.join('')).toContain('12 + 30 = 42')
  expect(parts.join('').trim().split('\n')).toHaveLength(14)
  const same = await qt(['data', 'diff', join(dir, 'output'), join(dir, 'output')])
  expect(same).toMatchObject({ code: 0 })
  expect(same.stdout).toContain('14 the same, 0 added, 0 removed, 0 changed')
})

test('a pipeline that was killed goes on and ends with the same bytes', async () => {
  const line = (index: number): string =>
    JSON.stringify({
      prompt: `How much is ${index} and ${index % 13}?`,
      completion: `It is ${index + (index % 13)}, as counted ${index} times over.`,
    })
  await writeFile(join(folder, 'many.jsonl'), Array.from({ length: 8000 }, (_, index) => `${line(index)}\n`).join(''))
  const recipe = (output: string): string =>
    `input: many.jsonl\noutput: ${output}\nthreads: 2\nchunk: 40\nsteps:\n  - fix\n  - standardise\n  - sample: { share: 0.5 }\n`
  const [killed, whole] = [join(folder, 'killed.yaml'), join(folder, 'whole.yaml')]
  await writeFile(killed, recipe('killed'))
  await writeFile(whole, recipe('whole'))
  const { child, ended } = start(['data', 'run', killed])
  const steps = join(folder, 'killed/.steps')
  const parts = async (): Promise<string[]> => {
    const [stage] = existsSync(steps) ? await readdir(steps) : []
    return stage === undefined ? [] : (await readdir(join(steps, stage))).filter((name) => /^part-.*\.json$/.test(name))
  }
  while ((await parts()).length < 3 && child.exitCode === null) await setTimeout(5)
  child.kill('SIGKILL')
  expect((await ended).code).toBe(null)
  expect(existsSync(join(folder, 'killed/dataset.json'))).toBe(false)
  expect((await qt(['data', 'run', killed])).code).toBe(0)
  expect((await qt(['data', 'run', whole])).code).toBe(0)
  expect(await readFile(join(folder, 'killed/data.jsonl'), 'utf8')).toBe(await readFile(join(folder, 'whole/data.jsonl'), 'utf8'))
})

test('preview needs a tokenizer, index lists a folder, decontaminate names what is shared', async () => {
  const scenarios = join(folder, 'scenarios')
  await cp(join(examples, 'dungeon-master/scenarios/combat'), join(scenarios, 'combat'), { recursive: true })
  const index = await qt(['data', 'index', scenarios, '--category', 'combat'])
  expect(index.stdout).toMatch(/scenarios in .*: \d+ added, 0 changed, 0 removed, 0 not read again/)
  expect((await qt(['data', 'index', scenarios])).stdout).toContain('0 added, 0 changed, 0 removed')
  const none = await qt(['data', 'preview', scenarios])
  expect(none).toMatchObject({ code: 2 })
  expect(none.stderr).toContain('needs --tokenizer')
  const chats = join(folder, 'chats.jsonl')
  await writeFile(chats, '{"instruction":"Say hello","output":"Hello there"}\n')
  const preview = await qt(['data', 'preview', chats, '--tokenizer', model])
  expect(preview.stdout).toMatch(/── .*chats\.jsonl:1 {2}instructions, \d+ tokens, \d+ trained on/)
  expect(preview.stdout).toContain('⟦Hello there')
  const page = join(folder, 'preview.html')
  await qt(['data', 'preview', chats, '--tokenizer', model, '--html', page])
  expect(await readFile(page, 'utf8')).toContain('<mark>Hello there')
  const bench = join(folder, 'bench.jsonl')
  await writeFile(bench, '{"question":"one two three four five six seven eight nine ten eleven twelve thirteen fourteen"}\n')
  const found = await qt(['data', 'decontaminate', bench, '--benchmark', `mine=${bench}`, '--list'])
  expect(found.stdout).toContain(`${bench}:1  mine`)
  expect(found.stdout).toContain('1 record, 1 contaminated.')
})

test('tokenizers of every kind are trained, and one is extended without losing an id', async () => {
  const data = join(folder, 'words.jsonl')
  await writeFile(
    data,
    `${JSON.stringify({ text: 'the river runs by the harbour and the river bends by the orchard 42 '.repeat(20) })}\n`,
  )
  for (const kind of ['bpe', 'unigram', 'wordpiece']) {
    const out = join(folder, kind)
    const size = kind === 'bpe' ? '270' : '40'
    const made = await qt([
      'tokenizer',
      'train',
      '--data',
      data,
      '--model',
      kind,
      '--vocabulary-size',
      size,
      '--out',
      out,
      '--json',
    ])
    expect(JSON.parse(made.stdout).vocabularySize, kind).toBe(Number(size))
    const ids = await qt(['tokenize', '--tokenizer', out], 'the river\n')
    expect(ids.code, ids.stderr).toBe(0)
  }
  const file = join(folder, 'bpe/tokenizer.json')
  const larger = join(folder, 'larger')
  const extend = ['tokenizer', 'extend', file, '--data', data, '--learn', '5', '--special', '<|tool|>', '--out', larger, '--json']
  expect(JSON.parse((await qt(extend)).stdout)).toMatchObject({ before: 270, after: 276 })
  const wrong = await qt(['tokenizer', 'train', '--data', data, '--model', 'word', '--out', larger])
  expect(wrong).toMatchObject({ code: 2 })
})

test('dedup leaves out what a sentence model takes for the same, and keeps the vectors', async () => {
  const embedder = fileURLToPath(new URL('../../embed/test/fixtures/tiny-bert', import.meta.url))
  const data = join(folder, 'meanings.jsonl')
  const cache = join(folder, 'vectors')
  // The tiny model drops accents: equal vectors of texts that share no shingle.
  const texts = ['the knight', 'an old church, a ruined chapel', 'th\u00e9 knight']
  await writeFile(data, texts.map((text) => `${JSON.stringify({ text })}\n`).join(''))
  const dedup = [
    'data',
    'dedup',
    data,
    '--semantic',
    '--semantic-similarity',
    '0.9999',
    '--embedder',
    embedder,
    '--vector-cache',
    cache,
  ]
  const { code, stdout, stderr } = await qt([...dedup, '--list'])
  expect(code, stderr).toBe(0)
  expect(stdout).toContain(`${data}:3  means the same, 100 % like ${data}:1`)
  expect(stdout).toContain('3 records, 0 nearly the same as an earlier one, 1 that mean the same.')
  expect(await readdir(cache)).toHaveLength(1)
  expect(await qt(['data', 'dedup', data, '--vector-cache', cache])).toMatchObject({ code: 2 })
})
