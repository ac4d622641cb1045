import { spawn } from 'node:child_process'
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Finding } from '@qt/data'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { pipeline, stageNames } from '../src/index.js'
import { makeTinyBase } from './tiny-base.js'

const program = fileURLToPath(new URL('run.mjs', import.meta.url))
const fixtures = fileURLToPath(new URL('fixtures', import.meta.url))
let work: string
let base: string
let whole: string

/** Folders of one name: the report's title is the folder's. */
async function project(name: string, fixture = 'tiny'): Promise<string> {
  const dir = join(work, name, 'game')
  await cp(join(fixtures, fixture), dir, { recursive: true })
  return dir
}

const made = async (dir: string) =>
  Object.fromEntries(
    await Promise.all(
      ['model-f16.gguf', 'model-q8_0.gguf', 'report.html', 'data/train.jsonl', 'train/adapter/adapter_model.safetensors'].map(
        async (file) => [file, (await readFile(join(dir, 'output', file))).toString('base64')] as const,
      ),
    ),
  )

/** Runs until the process says a line, then kills it; true when it ended before. */
function runUntil(dir: string, line: string): Promise<boolean> {
  const child = spawn(process.execPath, [program, dir, base], { stdio: ['ignore', 'pipe', 'inherit'] })
  let seen = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    seen += text
    if (seen.includes(line)) child.kill('SIGKILL')
  })
  return new Promise((resolve) => child.on('close', (code) => resolve(code === 0)))
}

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'qt pipeline-'))
  base = await makeTinyBase(join(work, 'base'))
  whole = await project('whole')
  await pipeline(whole, { base })
}, 120_000)
afterAll(() => rm(work, { recursive: true }))

test('makes files, measures them, and says what it did', async () => {
  const result = await pipeline(whole, { base })
  expect(result.evaluation.map(({ label }) => label)).toEqual(['base', 'tuned', 'Q8_0'])
  for (const { needed, all, perplexity } of result.evaluation) {
    expect([needed.of, all.of]).toEqual([1, 2])
    expect(perplexity).toBeGreaterThan(1)
  }
  expect(result.next).toEqual([
    `Talk to it: qt chat --model '${join(whole, 'output/model-q8_0.gguf')}'`,
    expect.stringContaining(`scenarios in '${join(whole, 'scenarios')}' and run qt pipeline '${whole}' again`),
    expect.stringContaining(`qt pipeline '${whole}' --base HuggingFaceTB/SmolLM2-135M-Instruct,`),
  ])
  const html = await readFile(result.report, 'utf8')
  expect(html).toContain('Before and after')
  expect(html).toContain('I listen at the shaft.')
  expect(html).not.toMatch(/https?:|<script|<link/)
}, 60_000)

test('killed in every stage and run again, it ends with the same bytes', async () => {
  const expected = await made(whole)
  const dir = await project('killed')
  const moments = [...stageNames.map((stage) => `stage ${stage} start`), 'training step', 'training checkpoint']
  const order = ['stage validate start', 'training step', 'training checkpoint', ...moments.slice(1, stageNames.length)]
  for (const line of order) await runUntil(dir, line)
  await pipeline(dir, { base })
  expect(await made(dir)).toEqual(expected)
}, 240_000)

test('an abort is an interruption that the next run goes on from', async () => {
  const dir = await project('aborted')
  const controller = new AbortController()
  const run = pipeline(dir, { base, signal: controller.signal })
  const stopped = (async () => {
    for await (const event of run) if (event.type === 'training' && event.event.type === 'step') controller.abort()
  })()
  await expect(stopped).rejects.toMatchObject({ code: 'PIPELINE_INTERRUPTED', kind: 'interrupted' })
  const result = await pipeline(dir, { base })
  expect(result.stages.validate).toBe('reused')
  expect(await made(dir)).toEqual(await made(whole))
}, 120_000)

test('only what changed is made again', async () => {
  const dir = await project('edited')
  await pipeline(dir, { base })
  const again = await pipeline(dir, { base })
  expect(new Set(Object.values(again.stages))).toEqual(new Set(['reused']))

  const heldOut = join(dir, 'held-out', 'mine.md')
  await writeFile(heldOut, (await readFile(heldOut, 'utf8')).replace('I listen at the shaft.', 'I hold my breath and listen.'))
  const measured = await pipeline(dir, { base })
  expect(measured.stages).toMatchObject({
    validate: 'done',
    train: 'reused',
    quantise: 'reused',
    evaluate: 'done',
    report: 'done',
  })

  const scenario = join(dir, 'scenarios', 'combat', 'bridge.md')
  await writeFile(scenario, (await readFile(scenario, 'utf8')).replace('I look into the fog.', 'I peer into the fog.'))
  const trained = await pipeline(dir, { base })
  expect(new Set(Object.values(trained.stages))).toEqual(new Set(['done']))
}, 180_000)

test('every kind of mistake is found with its line and a fix; the valid scenarios train when asked', async () => {
  const dir = await project('mistakes', 'mistakes')
  const found = new Map<string, Finding[]>()
  const run = pipeline(dir, { base })
  const stopped = (async () => {
    for await (const event of run)
      if (event.type === 'finding') {
        const file = basename(event.finding.file ?? '')
        found.set(file, [...(found.get(file) ?? []), event.finding])
      }
  })()
  await expect(stopped).rejects.toMatchObject({
    code: 'PIPELINE_DATA_INVALID',
    kind: 'usage',
    where: { file: join(dir, 'scenarios', 'bad-experience.md'), line: 13 },
  })
  // Every file but the sound one is named after the mistake that is in it.
  const files = (await readdir(join(dir, 'scenarios'))).filter((file) => file !== 'good.md').sort()
  expect(files.length).toBeGreaterThan(45)
  for (const file of files) {
    const findings = found.get(file) ?? []
    expect(findings.map(({ code }) => code)).toContain(file.split('.')[0])
    for (const { line, fix } of findings) expect([line > 0, fix.label.length > 5]).toEqual([true, true])
  }
  const wrong = files.filter((file) => found.get(file)?.some(({ severity }) => severity === 'error'))
  const result = await pipeline(dir, { base, skipInvalid: true })
  expect(result.leftOut).toEqual(wrong.map((file) => `scenarios/${file}`))
  // The sound one, and those that are only warned of, each with its variation.
  const sound = 1 + files.length - wrong.length
  expect((await readFile(join(dir, 'output', 'data', 'train.jsonl'), 'utf8')).trim().split('\n')).toHaveLength(2 * sound)
}, 120_000)

test('a copy of a held-out scenario, a link to it and a file that is no text are not trained on', async () => {
  const dir = await project('leak')
  const [held] = (await readdir(join(dir, 'held-out'), { recursive: true })).filter((file) => file.endsWith('.md'))
  await cp(join(dir, 'held-out', held!), join(dir, 'scenarios', 'copy.md'))
  await symlink('../held-out', join(dir, 'scenarios', 'linked'))
  await writeFile(join(dir, 'scenarios', 'utf16.md'), Buffer.from('\ufeff<User>Hi.</User>\n', 'utf16le'))
  await expect(pipeline(dir, { base })).rejects.toMatchObject({ code: 'PIPELINE_DATA_INVALID' })
  const codes: string[] = []
  let summary: string | undefined
  const run = pipeline(dir, { base, skipInvalid: true })
  for await (const event of run) {
    if (event.type === 'finding') codes.push(event.finding.code)
    if (event.type === 'stage' && event.stage === 'validate') summary = event.summary ?? summary
  }
  expect(codes.sort()).toEqual(['held-out-copy', 'link', 'not-utf8'])
  expect((await run).leftOut).toEqual(['scenarios/copy.md', 'scenarios/utf16.md'])
  expect(summary).toMatch(/held out \(\d+\.\d % of their word 4-grams occur in training\), 1 warning; 2 left out: /)
}, 120_000)

test('an abort is heard while the scenarios are checked', async () => {
  const dir = await project('many')
  const text = await readFile(join(dir, 'scenarios', 'combat', 'bridge.md'), 'utf8')
  for (let i = 0; i < 400; i++) await writeFile(join(dir, 'scenarios', `${i}.md`), text.replace('I look', `I look ${i} times`))
  const stop = new AbortController()
  const run = pipeline(dir, { base, signal: stop.signal })
  let validated = false
  const stopped = (async () => {
    for await (const event of run) {
      if (event.type === 'stage' && event.state === 'start') stop.abort()
      if (event.type === 'stage' && event.state === 'done') validated = true
    }
  })()
  await expect(stopped).rejects.toMatchObject({ code: 'PIPELINE_INTERRUPTED' })
  expect(validated).toBe(false)
}, 120_000)
