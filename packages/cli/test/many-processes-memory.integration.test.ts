import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseEvent } from '@qt/core'
import { afterAll, expect, test } from 'vitest'
import { byVariables } from './job.js'
import { fixture, qt } from './qt.js'

const folder = await mkdtemp(join(tmpdir(), 'qt-job-memory-'))
afterAll(() => rm(folder, { recursive: true, force: true }))

/** A wide model with small activations and few distinct tokens: what is measured is what is trained. */
async function configure(name: string, more: Readonly<Record<string, unknown>>): Promise<string[]> {
  await writeFile(join(folder, 'text.txt'), 'the cat and the hat sat on the mat. '.repeat(200))
  const file = join(folder, `${name}.json`)
  await writeFile(
    file,
    JSON.stringify({
      data: { path: join(folder, 'text.txt'), format: 'text', validation: 0 },
      threads: 1,
      output: join(folder, name),
      ...more,
      training: { steps: 2, batchSize: 1, sequenceLength: 32, precision: 'float32', saveEvery: 1000, ...(more.training ?? {}) },
    }),
  )
  return ['train', '--config', file]
}

async function measured(size: number, name: string, more: Readonly<Record<string, unknown>>) {
  const args = await configure(name, more)
  const planning = await byVariables(size, [...args, '--plan', '--json'])
  const [first] = await Promise.all(planning.map(({ ended }) => ended))
  const plan: { total: number; parts: { part: string; bytes: number }[] } = JSON.parse(first!.stdout)
  for (const { code, stderr } of await Promise.all((await byVariables(size, args)).map(({ ended }) => ended)))
    expect(code, stderr).toBe(0)
  const events = (await readFile(join(folder, name, 'events.jsonl'), 'utf8')).split('\n')
  const memory = events.flatMap((line) => {
    const event = parseEvent(line)
    return event?.type === 'step' ? [event.memory] : []
  })
  const part = (name: string) => plan.parts.find((one) => one.part === name)?.bytes ?? 0
  return { part, total: plan.total, memory: memory.at(-1)! }
}

const mib = (bytes: number) => Math.round(bytes / 2 ** 20)
type Measured = Awaited<ReturnType<typeof measured>>

/** How much less several processes each take than one: what was planned must be what is measured. */
function requireSaved(size: number, one: Measured, several: Measured, tolerance: number): void {
  const [saved, planned] = [one.memory - several.memory, one.total - several.total]
  console.log(
    `${size} processes: planned ${mib(several.total)} MiB, ${mib(planned)} less than one; measured ${mib(several.memory)}, ${mib(saved)} less`,
  )
  expect(Math.abs(saved - planned)).toBeLessThan(tolerance)
}

test('a whole model’s gradients and state are divided, and then a frozen base: in the plan and in the memory that processes take', async () => {
  const whole = {
    architecture: { layers: 12, dModel: 512, heads: 8, kvHeads: 8, ffn: 1536 },
    tokenizer: fixture('tiny.gguf'),
  }
  const one = await measured(1, 'of-1', whole)
  const trained = one.part('trained parameters')
  expect([one.part('gradients'), one.part('gradients on their way')]).toEqual([trained, 0])
  for (const size of [2, 4]) {
    const several = await measured(size, `of-${size}`, whole)
    expect(several.part('trained parameters')).toBe(trained)
    for (const divided of ['gradients', 'optimiser state'])
      expect(Math.abs(several.part(divided) / (one.part(divided) / size) - 1)).toBeLessThan(0.02)
    // Twelve blocks, of which a few are on their way.
    expect(several.part('gradients on their way')).toBeLessThan(trained * 0.25)
    requireSaved(size, one, several, 0.1 * trained)
  }

  // Blocks, with what is kept of them, in two processes; the embedding is small here.
  const divided = await measured(2, 'divided', { ...whole, training: { tensorParallel: 2 } })
  expect(divided.part('trained parameters') / trained).toBeLessThan(0.51)
  requireSaved(2, one, divided, 0.1 * trained)

  // The model that was trained, decoded as it is opened: memory of each process, where a mapped file would be memory of all.
  const base16 = join(folder, 'base.gguf')
  expect((await qt(['convert', join(folder, 'of-1', 'model'), base16, '--type', 'BF16'])).code).toBe(0)
  const frozen = { base: base16, adapter: { kind: 'lora', rank: 2 }, baseStorage: 'float32' }
  const all = await measured(1, 'base-of-1', frozen)
  const base = all.part('base weights (mapped file)')
  const blocks = await measured(2, 'base-divided', { ...frozen, training: { tensorParallel: 2 } })
  requireSaved(2, all, blocks, 0.1 * base)
  for (const size of [2, 4]) {
    const several = await measured(size, `base-of-${size}`, { ...frozen, training: { shardBase: true } })
    // Its share, two of twelve blocks, and an embedding of few tokens.
    const share = several.part('base weights (a share of each block)') / base
    expect(share).toBeGreaterThan(1 / size + 2 / 12 - 0.01)
    expect(share).toBeLessThan(1 / size + 2 / 12 + 0.01)
    requireSaved(size, all, several, 0.1 * base)
  }
})
