import { parseConfig, type Run, type RunEvent, startRun, type TrainingConfig, type TrainingConfigInput } from '@qt/core'
import { engineErrors } from '../engine-errors.js'
import { downloadInTurns } from '../parallel/download-in-turns.js'
import { launchOf } from '../parallel/launch.js'
import { requireAlike } from '../parallel/share.js'
import { withTeam } from '../parallel/with-team.js'
import type { MemoryPlan } from './plan-memory.js'
import { prepare } from './prepare.js'
import { training } from './training.js'
import { trial } from './trial.js'
import type { NativeTrainResult, TrainOptions } from './types.js'

/**
 * Trains an adapter or a whole model. Iterate for events, await for the result. Aborting the signal saves a checkpoint and
 * rejects with a QtError of kind `interrupted`; the same call with `resume` then ends with the same bytes. In a process that mpirun,
 * srun or torchrun has started it is one of a job's; the first of them has the events and writes the files.
 *
 * @example
 * ```ts
 * const run = train({ base: 'model.gguf', data: { path: 'rows.jsonl' }, adapter: lora({ rank: 8 }), training: { steps: 100 } })
 * for await (const event of run) if (event.type === 'step') console.log(event.step, event.loss)
 * const { adapter } = await run
 * ```
 */
export function train(
  config: TrainingConfigInput | TrainingConfig,
  options: TrainOptions = {},
): Run<RunEvent, NativeTrainResult> {
  return startRun(async ({ emit, signal: asked }) => {
    const launch = launchOf()
    return withTeam(launch, asked, async (job, signal) => {
      const checked = parseConfig(config)
      const { resume = false, dryRun } = options
      const { tensorParallel, shardBase, shardGradients, saveEvery } = checked.training
      // What is exchanged, and when; the numbers are compared once the data are there.
      const order = [resume, dryRun, tensorParallel, shardBase, shardGradients, saveEvery, checked.device === 'cpu']
      requireAlike(await job.gatherText(JSON.stringify(order)))
      await downloadInTurns(checked, launch, job, signal)
      const prepared = await prepare(checked, signal, launch)
      const team = { ...job, tensorParallel }
      const context = { emit, signal, team }
      return engineErrors(() =>
        dryRun === undefined ? training(prepared, { resume }, context) : trial(prepared, dryRun, context),
      )
    })
  }, options)
}

/**
 * The exact memory that training takes, by part, before it starts: of this process, where there are several.
 *
 * @example
 * ```ts
 * const plan = await planMemory({ base: 'model.gguf', data: { path: 'rows.jsonl' }, adapter: lora() })
 * console.table(plan.parts)
 * ```
 */
export async function planMemory(
  config: TrainingConfigInput | TrainingConfig,
  options: { signal?: AbortSignal } = {},
): Promise<MemoryPlan> {
  return (await prepare(parseConfig(config), options.signal, launchOf())).step.plan
}
