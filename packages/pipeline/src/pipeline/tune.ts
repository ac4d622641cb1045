import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf, parseEvent, QtError, type TrainingConfigInput } from '@qt/core'
import { train } from '@qt/trainer-native'
import { z } from 'zod'
import { hashPath } from './hashing.js'
import { claimFolder, emptyFolder } from './own-folder.js'
import { stage, type Workshop } from './stage.js'
import { dataFiles } from './validate.js'
import { workKey } from './work-key.js'

const resultSchema = z.object({
  kind: z.enum(['adapter', 'model']),
  steps: z.number(),
  tokens: z.number(),
  loss: z.number().nullable(),
  curve: z.array(z.object({ step: z.number(), loss: z.number() })),
})
export type Tuned = z.infer<typeof resultSchema>

/** A run with one of these cannot be gone on with, and its folder is ours to begin anew. */
const beyondResuming = new Set(['RUN_LOG_SHORT', 'CHECKPOINT_DAMAGED', 'RESUME_CHANGED'])

/** Trains in this process. A run that was cut off goes on from its newest checkpoint and ends with the same bytes. */
export async function tune(workshop: Workshop): Promise<Tuned> {
  const { config, base, emit, signal } = workshop
  const { adapter, training, output, device } = config
  const data = join(output, dataFiles.train)
  // Not the device: what one of them began another goes on with, and nobody trains anew to have other last bits.
  const inputs = { base: await hashPath(base), adapter, training, data: await hashPath(data) }
  const folder = join(output, 'train')
  const input: TrainingConfigInput = {
    base,
    data: { path: data, format: 'chat', validation: 0 },
    ...(adapter === null ? {} : { adapter }),
    training,
    device,
    output: folder,
  }
  const trained = async (resume: boolean) => {
    const run = train(input, { signal, resume })
    for await (const event of run) emit({ type: 'training', event })
    return run
  }
  return stage(workshop, {
    name: 'train',
    inputs,
    result: resultSchema,
    async work() {
      const key = workKey('train', inputs)
      const begun = await claimFolder(folder, key)
      const { metrics, adapter: made } = await trained(begun).catch(async (error: unknown) => {
        if (!begun || !QtError.isInstance(error) || !beyondResuming.has(error.code)) throw error
        const message = `The training that was begun cannot be gone on with and starts anew: ${messageOf(error)}`
        emit({ type: 'message', level: 'warning', message })
        await emptyFolder(folder, key)
        return trained(false)
      })
      const kind = made ? 'adapter' : 'model'
      const curve = await lossCurve(join(folder, 'events.jsonl'))
      return { result: { kind, ...metrics, curve }, outputs: [`train/${kind}`] }
    },
    summary: ({ steps, tokens, loss }) => `${steps} steps on ${tokens} tokens, last loss ${loss?.toFixed(3) ?? 'unknown'}`,
  })
}

async function lossCurve(file: string): Promise<Tuned['curve']> {
  const byStep = new Map<number, number>()
  for (const line of (await readFile(file, 'utf8')).split('\n')) {
    const event = parseEvent(line)
    if (event?.type === 'step') byStep.set(event.step, event.loss)
  }
  return [...byStep].map(([step, loss]) => ({ step, loss }))
}
