import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { type PipelineEvent, pipeline } from '../src/index.js'
import { makeTinyBase } from './tiny-base.js'

const program = fileURLToPath(new URL('run.mjs', import.meta.url))
const fixtures = fileURLToPath(new URL('fixtures', import.meta.url))
let work: string
let base: string
let whole: string

async function project(name: string): Promise<string> {
  const dir = join(work, name, 'game')
  await cp(join(fixtures, 'tiny'), dir, { recursive: true })
  return dir
}

const made = async (dir: string) =>
  Promise.all(
    ['model-f16.gguf', 'model-q8_0.gguf', 'report.html', 'train/adapter/adapter_model.safetensors'].map(async (file) =>
      createHash('sha256')
        .update(await readFile(join(dir, 'output', file)))
        .digest('hex'),
    ),
  )

async function events(dir: string): Promise<PipelineEvent[]> {
  const seen: PipelineEvent[] = []
  for await (const event of pipeline(dir, { base })) seen.push(event)
  return seen
}

const trainedSteps = (seen: readonly PipelineEvent[]): number[] =>
  seen.flatMap((event) => (event.type === 'training' && event.event.type === 'step' ? [event.event.step] : []))

/** A run in a process of its own that has said this line. */
async function runningAt(dir: string, line: string) {
  const child = spawn(process.execPath, [program, dir, base], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const ended = once(child, 'close')
  let seen = ''
  await new Promise<void>((resolve) => {
    child.on('close', () => resolve())
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      seen += text
      if (seen.includes(line)) resolve()
    })
  })
  return { child, ended }
}

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'qt-safety-'))
  base = await makeTinyBase(join(work, 'base'))
  whole = await project('whole')
  await pipeline(whole, { base })
}, 240_000)
afterAll(() => rm(work, { recursive: true }))

test('scenarios where the output should go stay', async () => {
  const dir = await project('overlap')
  const yaml = await readFile(join(dir, 'pipeline.yaml'), 'utf8')
  await rename(join(dir, 'scenarios'), join(dir, 'train'))
  for (const output of ['.', 'train']) {
    await writeFile(
      join(dir, 'pipeline.yaml'),
      `${yaml.replace('augment: 1', 'augment: 1, scenarios: train')}output: ${output}\n`,
    )
    await expect(pipeline(dir, { base })).rejects.toMatchObject({ code: 'PIPELINE_OUTPUT_SHARED' })
  }
  expect(await readdir(join(dir, 'train'))).toEqual(['combat', 'roleplay'])
})

test("folders of the user's in the output stay", async () => {
  const dir = await project('taken')
  for (const folder of ['data', 'train', 'merged']) {
    const mine = join(dir, 'output', folder, 'mine.txt')
    await mkdir(join(dir, 'output', folder), { recursive: true })
    await writeFile(mine, 'years of work')
    await expect(pipeline(dir, { base })).rejects.toMatchObject({ code: 'PIPELINE_FOLDER_TAKEN', where: { file: mine } })
    expect(await readFile(mine, 'utf8')).toBe('years of work')
    await rm(join(dir, 'output', folder), { recursive: true })
  }
}, 120_000)

test('a second run of the same output is refused, and the first ends as if alone', async () => {
  const dir = await project('twice')
  const { child, ended } = await runningAt(dir, 'training step')
  child.kill('SIGSTOP')
  // Other inputs, for which the first one's checkpoints would have to go.
  const file = join(dir, 'pipeline.yaml')
  await writeFile(file, (await readFile(file, 'utf8')).replace('steps: 6', 'steps: 7'))
  await expect(pipeline(dir, { base })).rejects.toMatchObject({
    code: 'RUN_LOCKED',
    message: `Process ${child.pid} is working in ${join(dir, 'output')}.`,
  })
  child.kill('SIGCONT')
  expect(await ended).toEqual([0, null])
  expect(await made(dir)).toEqual(await made(whole))
  expect(await readdir(join(dir, 'output'))).not.toContain('run.lock')
}, 240_000)

test('what a killed run had half written goes when the next one begins', async () => {
  const dir = await project('leftovers')
  const { child, ended } = await runningAt(dir, 'training step')
  child.kill('SIGKILL')
  await ended
  const half = join(dir, 'output', 'model-f16.gguf.5b0f3c1e-4d0a-4f39-9a52-0c7f0d9f6a11.tmp')
  await writeFile(half, 'half')
  await pipeline(dir, { base })
  expect((await readdir(join(dir, 'output'))).filter((name) => /tmp|lock/.test(name))).toEqual([])
  expect(await made(dir)).toEqual(await made(whole))
}, 240_000)

test.each<[string, (train: string) => Promise<void>]>([
  [
    'the model and its log are gone',
    async (train) => {
      await rm(join(train, 'adapter'), { recursive: true })
      await rm(join(train, 'events.jsonl'))
    },
  ],
  [
    'the log is cut off',
    async (train) => {
      await rm(join(train, 'adapter'), { recursive: true })
      await truncate(join(train, 'events.jsonl'), 100)
    },
  ],
  [
    'every checkpoint lacks a file',
    async (train) => {
      await rm(join(train, 'adapter'), { recursive: true })
      for (const step of await readdir(join(train, 'checkpoints')))
        await rm(join(train, 'checkpoints', step, 'optimizer.safetensors'))
    },
  ],
])(
  'a training folder that is no use any more is begun anew: %s',
  async (name, damage) => {
    const dir = await project(name)
    await cp(join(whole, 'output'), join(dir, 'output'), { recursive: true })
    await damage(join(dir, 'output', 'train'))
    const seen = await events(dir)
    expect(seen).toContainEqual({ type: 'message', level: 'warning', message: expect.stringContaining('starts anew') })
    expect(trainedSteps(seen)).toEqual([1, 2, 3, 4, 5, 6])
    expect(await made(dir)).toEqual(await made(whole))
  },
  240_000,
)

test('a training that another version began is not gone on with', async () => {
  const dir = await project('version')
  await cp(join(whole, 'output'), join(dir, 'output'), { recursive: true })
  await rm(join(dir, 'output', 'train', 'adapter'), { recursive: true })
  await writeFile(join(dir, 'output', 'train', 'inputs.sha256'), 'what another version would write')
  expect(trainedSteps(await events(dir))).toEqual([1, 2, 3, 4, 5, 6])
}, 120_000)

test('a base of the hub is seen to arrive, and an interruption of that is one of the run', async () => {
  const dir = await project('hub')
  const bytes = await readFile(base)
  let isSlow = true
  const server = createServer((request, response) => {
    const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
    response.writeHead(start > 0 ? 206 : 200, {
      'x-repo-commit': '0'.repeat(40),
      etag: `"${createHash('sha1').update(bytes).digest('hex')}"`,
      'content-length': bytes.length - start,
      ...(start > 0 ? { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` } : {}),
    })
    if (request.method === 'HEAD') response.end()
    else if (isSlow) response.write(bytes.subarray(start, 1000))
    else response.end(bytes.subarray(start))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    vi.unstubAllEnvs()
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  vi.stubEnv('HF_ENDPOINT', `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`)
  vi.stubEnv('HF_HUB_CACHE', join(work, 'hub-cache'))

  const stop = new AbortController()
  const options = { base: 'owner/name:base.gguf', signal: stop.signal }
  const stopped = (async () => {
    for await (const event of pipeline(dir, options)) if (event.type === 'download') stop.abort()
  })()
  await expect(stopped).rejects.toMatchObject({ code: 'PIPELINE_INTERRUPTED', kind: 'interrupted' })

  isSlow = false
  const downloads: PipelineEvent[] = []
  const run = pipeline(dir, { base: 'owner/name:base.gguf' })
  for await (const event of run) {
    if (event.type === 'download') downloads.push(event)
    if (event.type === 'stage') break
  }
  await expect(run).rejects.toMatchObject({ code: 'PIPELINE_INTERRUPTED' })
  expect(downloads.at(-1)).toEqual({ type: 'download', file: 'base.gguf', done: bytes.length, total: bytes.length })
}, 120_000)
