import { existsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TrainingConfigInput } from '@qt/core'
import { z } from 'zod'
import { root } from '../src/root.js'
import type { Absent, Contender, Metric } from './case.js'
import { startOf, stepsOf } from './events.js'
import { oracleMissing, oracleScript, oraclesPython } from './oracles.js'
import { median } from './statistics.js'

export const smolModel = join(root, '.models/SmolLM2-135M-Instruct.Q4_1.gguf')

/** What is said where the model has not been fetched. */
export const noModel = 'the model is not in .models (README, "The test model")'

/** Rows of a step and their tokens, and how many steps are taken; the first of them is not counted. */
export interface Shape {
  readonly batch: number
  readonly length: number
  readonly steps: number
}

export const trainingMetrics: readonly [Metric, ...Metric[]] = [
  { key: 'tokensPerSecond', title: 'tokens/s', digits: 1, better: 'higher' },
  { key: 'memoryGiB', title: 'peak GiB', digits: 2, better: 'lower' },
  { key: 'plannedGiB', title: 'planned GiB', digits: 2, better: 'lower' },
]

type Settings = Pick<TrainingConfigInput, 'base' | 'baseStorage' | 'adapter'> & {
  readonly training: NonNullable<TrainingConfigInput['training']>
}

export const loraOf = (kind: 'lora' | 'dora') => ({ kind, rank: 16, alpha: 32, targets: 'all-linear' as const })

/** `qt train` as users type it. Its figures are from its own log: the median step after the first, the process's peak, its plan. */
export async function trainOurs(
  { folder, rows, name, shape }: { folder: string; rows: string; name: string; shape: Shape },
  settings: Settings,
): Promise<Contender | Absent> {
  const base = settings.base ?? smolModel
  if (!existsSync(base)) return { name, absent: base === smolModel ? noModel : `${base} is not there` }
  const slug = name.replace(/\W+/g, '-')
  const [output, file] = [join(folder, slug), join(folder, `${slug}.json`)]
  const config: TrainingConfigInput = {
    ...settings,
    base,
    data: { path: rows, format: 'tokens' },
    training: {
      steps: shape.steps,
      batchSize: shape.batch,
      sequenceLength: shape.length,
      schedule: 'constant',
      saveEvery: 1000,
      shuffle: false,
      ...settings.training,
    },
    output,
  }
  await writeFile(file, JSON.stringify(config))
  return {
    name,
    command: ['qt', 'train', '--config', file],
    prepare: () => rm(output, { recursive: true, force: true }),
    parse: async () => {
      const taken = await stepsOf(output)
      if (taken.length !== shape.steps) throw new Error(`${taken.length} of ${shape.steps} steps in the log`)
      const { plan } = await startOf(output)
      const tokensPerSecond = median(taken.slice(1).map((step) => step.tokensPerSecond))
      return {
        tokensPerSecond,
        secondsPerStep: (shape.batch * shape.length) / tokensPerSecond,
        memoryGiB: Math.max(...taken.map(({ memory }) => memory)) / 2 ** 30,
        plannedGiB: plan.reduce((sum, { bytes }) => sum + bytes, 0) / 2 ** 30,
        loss: taken.slice(-10).reduce((sum, { loss }) => sum + loss, 0) / Math.min(10, taken.length),
      }
    },
  }
}

const report = z.object({ tokens_per_s: z.number(), peak_rss_mib: z.number() })

/** What a training script of the peers prints as its last line. */
export function peerReport({ stdout }: { stdout: string }) {
  const { tokens_per_s, peak_rss_mib } = report.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''))
  return { tokensPerSecond: tokens_per_s, memoryGiB: peak_rss_mib / 1024 }
}

/** PyTorch + PEFT, as `flags` of the script in the oracles say. */
export function trainPeer(
  dtype: 'float32' | 'bfloat16',
  { batch, length, steps }: Shape,
  flags: readonly ('--best' | '--full' | '--checkpointing')[] = [],
): Contender | Absent {
  const words = { '--best': 'at its best', '--full': 'all weights', '--checkpointing': 'checkpointing' }
  const name = ['PyTorch', dtype, ...flags.map((flag) => words[flag])].join(', ')
  const script = 'bench_train_peft.py'
  const python = oraclesPython()
  const absent = existsSync(smolModel) ? oracleMissing(script) : noModel
  if (absent !== undefined || python === undefined) return { name, absent: absent ?? 'PyTorch is not installed' }
  const shape = ['--batch', `${batch}`, '--seq', `${length}`, '--steps', `${steps}`]
  return {
    name,
    command: [python, oracleScript(script), '--gguf', smolModel, '--dtype', dtype, ...shape, ...flags],
    parse: peerReport,
  }
}
