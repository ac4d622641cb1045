import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { corpus } from '@qt/base-model'
import { uniform } from '@qt/core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { command, tail } from '../src/command.js'
import { root } from '../src/root.js'

/** LoRA with everything that carries state: dropout, shuffling, packing, accumulation, validation, frequent checkpoints. */
const steps = 60
let folder = ''
let base = ''
const configOf = (name: string) => join(folder, `${name}.json`)
const outputOf = (name: string) => join(folder, name)

async function write(name: string, threads?: number): Promise<void> {
  const training = {
    steps,
    batchSize: 2,
    gradAccumulation: 2,
    sequenceLength: 128,
    precision: 'float32',
    learningRate: 1e-3,
    warmupSteps: 3,
    validateEvery: 8,
    saveEvery: 3,
    seed: 7,
  }
  const config = {
    base,
    data: { path: join(folder, 'texts.jsonl'), format: 'text', validation: 0.1 },
    adapter: { kind: 'lora', rank: 4, alpha: 8, dropout: 0.1 },
    training,
    ...(threads === undefined ? {} : { threads }),
    output: outputOf(name),
  }
  await writeFile(configOf(name), JSON.stringify(config))
}

async function qt(...args: string[]): Promise<void> {
  const result = await command('qt', args)
  expect(result.code, tail(result)).toBe(0)
}

/** Everything that must be the same: weights and optimiser state byte by byte, events without times, rates and memory. */
async function fingerprint(name: string): Promise<Record<string, string>> {
  const output = outputOf(name)
  const files = (await readdir(output, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
  const found: Record<string, string> = {}
  for (const entry of files.sort((a, b) => a.name.localeCompare(b.name))) {
    const path = join(entry.parentPath, entry.name)
    if (/\.(safetensors|bin)$/.test(entry.name)) found[relative(output, path)] = (await readFile(path)).toString('base64')
  }
  const events = (await readFile(join(output, 'events.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line): Record<string, unknown> => JSON.parse(line))
  const lasting = events.filter(({ type }) => type === 'step' || type === 'validation')
  expect(Object.keys(found).filter((file) => file.startsWith('checkpoints')).length).toBeGreaterThan(0)
  expect(Object.keys(found)).toContain('adapter/adapter_model.safetensors')
  found.events = lasting.map(({ time, tokensPerSecond, memory, ...rest }) => JSON.stringify(rest)).join('\n')
  return found
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-bytes-'))
  await writeFile(
    join(folder, 'texts.jsonl'),
    corpus('stories', { count: 300 })
      .map((text) => `${JSON.stringify({ text })}\n`)
      .join(''),
  )
  await mkdir(join(folder, 'base-run'), { recursive: true })
  await qt(
    'tokenizer',
    'train',
    '--data',
    join(folder, 'texts.jsonl'),
    '--vocabulary-size',
    '512',
    '--out',
    join(folder, 'tokenizer'),
  )
  const config = {
    architecture: { layers: 2, dModel: 64, heads: 4, kvHeads: 2, ffn: 128, vocab: 512, contextLength: 256, tiedEmbeddings: true },
    tokenizer: join(folder, 'tokenizer/tokenizer.json'),
    data: { path: join(folder, 'texts.jsonl'), format: 'text', validation: 0 },
    training: { steps: 3, batchSize: 2, sequenceLength: 128, precision: 'float32' },
    output: join(folder, 'base-run'),
  }
  await writeFile(configOf('base'), JSON.stringify(config))
  await qt('train', '--config', configOf('base'))
  base = join(folder, 'base-run/model')
  await write('whole')
  await qt('train', '--config', configOf('whole'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test.each([1, 2, 3])('%i threads give the same bytes', async (threads) => {
  const name = `threads-${threads}`
  await write(name, threads)
  await qt('train', '--config', configOf(name))
  expect(await fingerprint(name)).toEqual(await fingerprint('whole'))
})

/** Starts a training and kills it with SIGKILL once its log has so many lines, and a random moment later; false when it had ended before. */
async function kill(name: string, lines: number, delay: number): Promise<boolean> {
  const log = join(outputOf(name), 'events.jsonl')
  const count = async () => (existsSync(log) ? (await readFile(log, 'utf8')).split('\n').length - 1 : 0)
  const resume = existsSync(log) ? ['--resume'] : []
  const child = spawn(join(root, 'node_modules/.bin/qt'), ['train', '--config', configOf(name), ...resume], { stdio: 'ignore' })
  const closed = new Promise<void>((resolve) => child.on('close', () => resolve()))
  while (child.exitCode === null && (await count()) < lines) await setTimeout(2)
  await setTimeout(delay)
  child.kill('SIGKILL')
  await closed
  return child.signalCode === 'SIGKILL'
}

test('a run killed with -9 at ten random moments ends with the same bytes as one that never was', async () => {
  await write('killed')
  let hits = 0
  for (let round = 0; round < 10; round++) {
    const lines = 2 + round * 7 + Math.floor(uniform(1, 'sample', round, 0) * 7)
    if (await kill('killed', lines, uniform(1, 'sample', round, 1) * 15)) hits++
  }
  expect(hits).toBeGreaterThanOrEqual(8)
  await qt('train', '--config', configOf('killed'), '--resume')
  expect(await fingerprint('killed')).toEqual(await fingerprint('whole'))
})
