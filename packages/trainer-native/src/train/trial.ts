import { placeOf } from '../parallel/groups.js'
import { tellFailure } from '../parallel/job-failure.js'
import { requireAlike } from '../parallel/share.js'
import { versions } from '../versions.js'
import { agreedSavings } from './agreed-savings.js'
import { frozenModules } from './frozen-modules.js'
import { type Cut, openCut } from './micro-batch.js'
import type { Prepared } from './prepare.js'
import { listenersOnly, silent } from './recorder.js'
import { requireMemory } from './require-memory.js'
import { fingerprint, resolvedConfig } from './run-files.js'
import { learningRateAt } from './schedule.js'
import { startParameters } from './start-parameters.js'
import { oneStep } from './steps.js'
import { openTrainer, stepEvent } from './training.js'
import { diverged, trialStopped } from './training-errors.js'
import type { NativeTrainResult, RunningContext } from './types.js'
import { leaveToWhoLacks } from './want-of-memory.js'
import { firstRows, windows } from './windows.js'

/** Trains on the first examples, writes nothing, and says what the whole run would take. */
export async function trial(
  given: Prepared,
  examples: number,
  { emit, signal, team }: RunningContext,
): Promise<NativeTrainResult> {
  const configured = { ...given, step: given.planned(await agreedSavings(given, {}, undefined, team)) }
  requireMemory(configured)
  const { config, rows, adapter } = configured
  const microBatches = config.training.gradAccumulation * placeOf(team, team.tensorParallel).rows.size
  const { steps: _steps, ...settings } = config.training
  const whole = windows(rows.train, rows.shuffle, config.training, microBatches)
  requireAlike(await team.gatherText((await fingerprint(configured, whole)).configuration))
  const recorder = team.rank === 0 ? listenersOnly(emit) : silent
  const training = { ...settings, epochs: 1 }
  const first = { ...rows, train: firstRows(rows.train, examples) }
  const cut: Cut = {
    prepared: { ...configured, config: { ...config, training }, rows: first },
    plan: windows(first.train, first.shuffle, training, microBatches),
  }
  const { prepared, plan, trainer, warnings } = await openCut(cut, team, openTrainer)
  const { plan: planned } = prepared.step
  const stop = () => trainer.setAbort(true)
  signal.addEventListener('abort', stop)
  const timed: { seconds: number; rows: number }[] = []
  let tokens = 0
  let loss: number | null = null
  try {
    await startParameters(trainer, prepared, signal)
    await trainer.shareParameters()
    const frozen = frozenModules(trainer, adapter)
    await recorder.record({
      type: 'start',
      config: resolvedConfig(config, adapter),
      plan: [...planned.parts],
      versions: versions(),
      steps: plan.totalSteps,
    })
    for (const message of warnings) await recorder.record({ type: 'message', level: 'warning', message })
    for (let step = 1; step <= plan.totalSteps; step++) {
      const begun = performance.now()
      const learningRate = learningRateAt(step, whole.totalSteps, config.training)
      const result = await oneStep({ trainer, plan, step, learningRate, config: prepared.config, frozen, team, signal })
      if (result === undefined) throw trialStopped(step - 1)
      const { broken } = result
      if (broken) throw diverged(step, broken, undefined)
      const seconds = (performance.now() - begun) / 1000
      timed.push({ seconds, rows: plan.rows(step) })
      tokens += result.trainable
      loss = result.loss
      await recorder.record(stepEvent(result, seconds, { step, tokens, learningRate, epoch: plan.epoch(step) }))
    }
  } catch (error) {
    await leaveToWhoLacks(error, team)
    tellFailure(error, team)
    throw error
  } finally {
    signal.removeEventListener('abort', stop)
    trainer.close()
  }
  const secondsPerStep = secondsPerRow(timed) * settings.batchSize * microBatches
  const peakMemory = Math.max(planned.total, process.resourceUsage().maxRSS * 1024)
  return {
    output: '',
    metrics: { loss, steps: plan.totalSteps, tokens },
    estimate: { secondsPerStep, totalSeconds: secondsPerStep * whole.totalSteps, peakMemory },
  }
}

/** By rows, since the last window may be smaller; without the first step, which also pays for touching memory. */
function secondsPerRow(timed: readonly { seconds: number; rows: number }[]): number {
  const usual = timed.length > 1 ? timed.slice(1) : timed
  return usual.reduce((sum, { seconds }) => sum + seconds, 0) / usual.reduce((sum, { rows }) => sum + rows, 0)
}
