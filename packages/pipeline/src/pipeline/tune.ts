import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { parseEvent, type TrainingConfigInput } from '@qt/core'
import { makeFolder, writeFileAtomic } from '@qt/core/node'
import { train } from '@qt/trainer-native'
import { z } from 'zod'
import { hashOf, hashPath } from './hashing.js'
import { stage, type Workshop } from './stage.js'
import { dataFiles } from './validate.js'

const resultSchema = z.object({
  kind: z.enum(['adapter', 'model']),
  steps: z.number(),
  tokens: z.number(),
  loss: z.number().nullable(),
  curve: z.array(z.object({ step: z.number(), loss: z.number() })),
})
export type Tuned = z.infer<typeof resultSchema>

/** Trains in this process. A run that was cut off goes on from its newest checkpoint and ends with the same bytes. */
export async function tune(workshop: Workshop): Promise<Tuned> {
  const { config, base, emit, signal } = workshop
  const { adapter, training, output } = config
  const data = join(output, dataFiles.train)
  const inputs = { base: await hashPath(base), adapter, training, data: await hashPath(data) }
  const folder = join(output, 'train')
  const input: TrainingConfigInput = {
    base,
    data: { path: data, format: 'chat', validation: 0 },
    ...(adapter === null ? {} : { adapter }),
    training,
    output: folder,
  }
  return stage(workshop, {
    name: 'train',
    inputs,
    result: resultSchema,
    async work() {
      const resume = await keepOnlyRunOf(folder, hashOf(inputs))
      const run = train(input, { signal, resume })
      for await (const event of run) emit({ type: 'training', event })
      const { metrics, adapter: trained } = await run
      const kind = trained ? 'adapter' : 'model'
      const curve = await lossCurve(join(folder, 'events.jsonl'))
      return { result: { kind, ...metrics, curve }, outputs: [`train/${kind}`] }
    },
    summary: ({ steps, tokens, loss }) => `${steps} steps on ${tokens} tokens, last loss ${loss?.toFixed(3) ?? 'unknown'}`,
  })
}

/**
 * Checkpoints of other data or settings are of no use: the folder is emptied, and marked with what it is for. True when a run of these
 * inputs was begun before.
 */
async function keepOnlyRunOf(folder: string, key: string): Promise<boolean> {
  const mark = join(folder, 'inputs.sha256')
  if ((await readFile(mark, 'utf8').catch(() => '')) === key) return true
  await rm(folder, { recursive: true, force: true })
  await makeFolder(folder)
  await writeFileAtomic(mark, key)
  return false
}

async function lossCurve(file: string): Promise<Tuned['curve']> {
  const byStep = new Map<number, number>()
  for (const line of (await readFile(file, 'utf8')).split('\n')) {
    const event = parseEvent(line)
    if (event?.type === 'step') byStep.set(event.step, event.loss)
  }
  return [...byStep].map(([step, loss]) => ({ step, loss }))
}
