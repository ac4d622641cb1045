import type { NativeTrainer } from '../binding.js'
import { isOutOfMemory } from '../engine-errors.js'
import type { Team } from '../parallel/team.js'
import type { PlanChange, Prepared } from './prepare.js'
import { type Windows, windows } from './windows.js'

/** How a step is cut into micro-batches. Its rows, and their order, are the same however it is. */
export interface Cut {
  readonly prepared: Prepared
  readonly plan: Windows
}

/** A cut, and the engine with the memory for it. */
export interface OpenCut extends Cut {
  readonly trainer: NativeTrainer
  /** What had to be said on the way. */
  readonly warnings: readonly string[]
}

/** The same steps in micro-batches of so many rows, of which the configured batch is a multiple. */
export function cutInto({ prepared, plan }: Cut, batchSize: number, change: PlanChange = {}): Cut {
  const { config, rows } = prepared
  const factor = config.training.batchSize / batchSize
  const microBatches = plan.microBatches * factor
  const training = { ...config.training, batchSize, gradAccumulation: config.training.gradAccumulation * factor }
  const planned = (more: PlanChange) => prepared.planned({ ...change, batchSize, microBatches, ...more })
  return {
    prepared: { ...prepared, config: { ...config, training }, planned, step: planned({}) },
    plan: windows(rows.train, rows.shuffle, training, microBatches),
  }
}

/**
 * With half the rows at once, or the next fewer that divide them; undefined where there is only one, and in the strict order, whose bytes follow
 * from it. What saves memory already stays.
 */
export function halved(cut: Cut): Cut | undefined {
  const { batchSize, deterministic } = cut.prepared.config.training
  if (batchSize === 1 || deterministic === 'strict') return undefined
  let rows = Math.floor(batchSize / 2)
  while (batchSize % rows !== 0) rows--
  const { checkpointing, feedForwardChunk, offloaded } = cut.prepared.step.plan
  return cutInto(cut, rows, { checkpointing, feedForwardChunk, offload: offloaded > 0 })
}

/**
 * Opens the engine; in smaller micro-batches when others have taken memory since it was planned. Processes of a job cut them alike as soon as
 * one has to.
 */
export async function openCut(cut: Cut, team: Team, open: (prepared: Prepared, team: Team) => NativeTrainer): Promise<OpenCut> {
  const warnings: string[] = []
  for (let next = cut; ; ) {
    const tried = opened(() => open(next.prepared, team))
    const mine = 'lack' in tried ? tried.lack.message : ''
    const said = team.size === 1 ? [mine] : await team.gatherText(mine)
    const lacking = said.findIndex((text) => text !== '')
    if ('trainer' in tried && lacking < 0) return { ...next, trainer: tried.trainer, warnings }
    if ('trainer' in tried) tried.trainer.close()
    const smaller = halved(next)
    if (!smaller) {
      if ('lack' in tried) throw tried.lack
      // Whoever lacks it ends the job.
      await team.gather([])
      throw new Error(said[lacking])
    }
    warnings.push(cutText(team.size === 1 ? said[lacking]! : `rank ${lacking}: ${said[lacking]}`, next, smaller))
    next = smaller
  }
}

/** An engine, or that its device has not the memory. */
function opened(open: () => NativeTrainer): { trainer: NativeTrainer } | { lack: Error } {
  try {
    return { trainer: open() }
  } catch (error) {
    if (isOutOfMemory(error)) return { lack: error }
    throw error
  }
}

/** What is said of a step that goes on in smaller micro-batches. */
export const cutText = (why: string, from: Cut, to: Cut): string =>
  `${why}: a micro-batch has ${to.prepared.config.training.batchSize} rows from now on instead of ${from.prepared.config.training.batchSize}, and a step ${to.plan.microBatches} of them instead of ${from.plan.microBatches}, with the same rows.`
