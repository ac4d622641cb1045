import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseConfig, QtError, type Tokenizer, usageError } from '@qt/core'
import type { EngineOptions } from './engine-flags.js'
import type { Io } from './io.js'
import { need } from './need.js'
import { status } from './print/status.js'
import { trainProgress } from './print/train-progress.js'

export interface HealOptions {
  /** What to train on. */
  readonly paths: readonly string[]
  readonly steps: number
  readonly sequenceLength: number
  readonly engine: EngineOptions
}

/**
 * Trains every weight of a model that was cut, and puts the healed one in its place. Interrupted, the cut model stays, and the same
 * command goes on from the newest checkpoint.
 */
export async function heal(file: string, options: HealOptions, io: Io, signal: AbortSignal): Promise<void> {
  const { paths, steps, sequenceLength, engine } = options
  const { train } = await need('@qt/trainer-native', () => import('@qt/trainer-native'))
  const { convert, inspect } = await need('@qt/weights', () => import('@qt/weights'))
  const { totals } = await inspect(file)
  const type = (['BF16', 'F16'] as const).find((float) => totals[float]) ?? 'F32'
  const output = healingFolder(file)
  const resume = await begun(output)
  if (!resume) {
    await mkdir(output, { recursive: true })
    await writeFile(join(output, mark), '')
  }
  const progress = status(io)
  const draw = trainProgress(progress)
  const run = train(
    {
      base: file,
      data: { path: [...paths], validation: 0 },
      training: { steps, sequenceLength, warmupSteps: Math.min(20, Math.floor(steps / 10)), weightDecay: 0.01 },
      output,
      ...engine,
    },
    { signal, resume },
  )
  try {
    for await (const event of run) draw(event)
    const { model } = await run
    await convert(model!.path, file, { type, signal })
  } catch (error) {
    throw QtError.isInstance(error) && error.code === 'RUN_PAUSED' ? pausedHealing(error, file) : error
  } finally {
    progress.end()
  }
  await rm(output, { recursive: true })
}

/** A training goes on with a flag of its own, a healing with the same command. */
const pausedHealing = (cause: QtError, file: string) =>
  new QtError({
    code: 'RUN_PAUSED',
    kind: 'interrupted',
    message: `${cause.message} ${file} is cut, and not healed yet.`,
    where: { file },
    actions: ['Give the same command again: it goes on from there.'],
    cause,
  })

const mark = '.qt-heal'

/** Before a model is cut: that it can be healed afterwards, on this data and in its folder. */
export async function requireHealable(
  file: string,
  { paths, sequenceLength }: Pick<HealOptions, 'paths' | 'sequenceLength'>,
  tokenizer: Tokenizer,
  signal: AbortSignal,
): Promise<void> {
  await begun(healingFolder(file))
  const { prepareRows } = await need('@qt/data', () => import('@qt/data'))
  const config = parseConfig({ base: file, data: { path: [...paths], validation: 0 }, training: { sequenceLength } })
  await prepareRows(config, tokenizer, { signal })
}

const healingFolder = (file: string) => `${file}.healing`

/** Whether an earlier healing began here. The folder is removed in the end, so it must not be somebody else's. */
async function begun(folder: string): Promise<boolean> {
  const there = await readdir(folder).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  if (there.includes(mark)) return true
  if (there.length === 0) return false
  throw usageError('USAGE_BAD_VALUE', `${folder} holds something else; healing keeps its checkpoints there.`, {
    where: { file: folder },
    actions: ['Move that folder away.', 'Or write the model under another name.'],
  })
}

export const requireSteps = (steps: number): void => {
  if (!Number.isSafeInteger(steps) || steps < 1)
    throw usageError('USAGE_BAD_VALUE', `--heal cannot be ${steps}.`, {
      where: { field: '--heal' },
      actions: ['Give a number of training steps: --heal 200.'],
    })
}
