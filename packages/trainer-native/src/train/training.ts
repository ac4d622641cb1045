import { QtError, type RunEvent } from '@qt/core'
import { binding, forcedKernels } from '../binding.js'
import { versions } from '../versions.js'
import { type CheckpointState, findCheckpoint, restoreCheckpoint, writeCheckpoint } from './checkpoint.js'
import { earlyStopping } from './early-stopping.js'
import { openEventLog } from './event-log.js'
import { writeOutput } from './output.js'
import type { Prepared } from './prepare.js'
import { writeReport } from './report.js'
import { fingerprint, requireFresh, resolvedConfig, runFiles, saveConfig } from './run-files.js'
import { openRunLog } from './run-log.js'
import { learningRateAt } from './schedule.js'
import { startParameters } from './start-parameters.js'
import { oneStep, validate } from './steps.js'
import type { NativeTrainResult, TrainOptions } from './train.js'
import { firstRows, windows } from './windows.js'

/*
 * The loop of a run. After each optimiser step comes its validation, then its checkpoint; `stage` says how far the step at hand
 * has come, so that a run that was paused anywhere goes on at just that point, and its log reads as if it had never stopped.
 */

export async function training(
  prepared: Prepared,
  { resume = false, dryRun }: TrainOptions,
  emit: (event: RunEvent) => void,
  signal: AbortSignal,
): Promise<NativeTrainResult> {
  const { config, rows, model, threads, step: planned } = prepared
  const { output, training: settings } = config
  const files = runFiles(output)
  const dry = dryRun !== undefined
  const plan = windows(rows.train, rows.shuffle, settings)
  const { steps: _steps, ...unbounded } = settings
  const taken = dry ? windows(firstRows(rows.train, dryRun), rows.shuffle, { ...unbounded, epochs: 1 }) : plan
  const { totalSteps } = taken
  const configuration = fingerprint(prepared, plan.totalSteps)

  const found = dry || !resume ? undefined : await findCheckpoint(files.checkpoints)
  if (!dry && !resume) await requireFresh(output)
  if (found && found.state.configuration !== configuration)
    throw new QtError({
      code: 'RESUME_CHANGED',
      kind: 'usage',
      message: `The configuration or the data has changed since the checkpoint of step ${found.state.step} was made.`,
      where: { file: found.path },
      actions: [
        'Resume with the configuration and data of the run (config.yaml in its folder).',
        'Or choose another "output" and start anew.',
      ],
    })

  const trainer = new (binding().Trainer)(model, planned.options, threads, forcedKernels())
  const stop = () => trainer.setAbort(true)
  signal.addEventListener('abort', stop)
  const log = dry ? undefined : await openEventLog(files.events, found?.state.logLength ?? 0)
  const runLog = dry ? undefined : await openRunLog(files.log)
  const record = async (event: RunEvent, quiet = false) => {
    if (!quiet) await log?.append(event)
    await runLog?.append(event)
    emit(event)
  }
  const now = () => new Date().toISOString()
  try {
    if (found) await restoreCheckpoint(found, trainer)
    else startParameters(trainer, prepared)
    if (!dry) await saveConfig(output, prepared)
    let { step, tokens, loss } = found?.state ?? { step: 0, tokens: 0, loss: null as number | null }
    let stage: CheckpointState['stage'] = found?.state.stage ?? 'saved'
    const patience = earlyStopping(settings.earlyStopping, found?.state.earlyStopping ?? { best: null, since: 0 })
    const start: RunEvent = {
      type: 'start',
      time: now(),
      config: resolvedConfig(config, prepared.adapter),
      plan: [...planned.plan.parts],
      versions: versions(),
      steps: totalSteps,
      ...(found ? { resumedFrom: step } : {}),
    }
    // The log of a resumed run is the log of an uninterrupted one: its beginning is there already.
    await record(start, found !== undefined)
    for (const message of [rows.description, ...rows.warnings.map((warning) => `warning: ${warning}`)])
      await record(
        {
          type: 'message',
          time: now(),
          level: message.startsWith('warning: ') ? 'warning' : 'info',
          message: message.replace(/^warning: /, ''),
        },
        found !== undefined,
      )

    const save = async (kind: 'checkpoint' | 'silent'): Promise<string> => {
      const path = `${files.checkpoints}/step-${String(step).padStart(6, '0')}`
      // The event comes first, so that the length the checkpoint records includes it.
      if (kind === 'checkpoint') await record({ type: 'checkpoint', time: now(), step, path })
      const logLength = (await log?.sync()) ?? 0
      const state: CheckpointState = {
        version: 1,
        step,
        stage,
        tokens,
        loss,
        configuration,
        logLength,
        earlyStopping: patience.state(),
      }
      return writeCheckpoint(files.checkpoints, trainer, state)
    }
    const pause = async (): Promise<never> => {
      const checkpoint = dry ? '' : await save('silent')
      await record({ type: 'paused', time: now(), step, checkpoint })
      throw new QtError({
        code: 'RUN_PAUSED',
        kind: 'interrupted',
        message: dry
          ? `The trial was stopped after step ${step}.`
          : `The run was paused after step ${step}; everything is saved.`,
        where: { file: output },
        actions: dry ? [] : ['Go on with: --resume'],
      })
    }

    const begun = performance.now()
    const timed: { seconds: number; rows: number }[] = []
    for (;;) {
      const last = step === totalSteps || patience.exhausted()
      if (stage === 'stepped') {
        if (rows.validation && !dry && (step % settings.validateEvery === 0 || last)) {
          const sum = await validate(trainer, prepared)
          if (sum === undefined) return await pause()
          const mean = sum.loss / sum.tokens
          await record({
            type: 'validation',
            time: now(),
            step,
            loss: mean,
            perplexity: Math.exp(mean),
            tokenAccuracy: sum.correct / sum.tokens,
          })
          patience.add(mean)
        }
        stage = 'validated'
        continue
      }
      if (stage === 'validated') {
        stage = 'saved'
        if (!dry && (step % settings.saveEvery === 0 || last)) await save('checkpoint')
      }
      if (last) break
      if (signal.aborted) return await pause()

      const before = performance.now()
      const batches = taken.window(step + 1)
      const learningRate = learningRateAt(step + 1, plan.totalSteps, settings)
      const result = await oneStep(trainer, batches, step + 1, learningRate, settings)
      if (result === undefined) return await pause()
      if (!Number.isFinite(result.loss) || !Number.isFinite(result.gradNorm)) {
        const message = `the ${Number.isFinite(result.loss) ? 'gradient' : 'loss'} is not a finite number`
        await record({ type: 'anomaly', time: now(), step: step + 1, kind: 'not-finite', message })
        throw diverged(step + 1, message, dry ? undefined : await save('silent'))
      }
      step++
      stage = 'stepped'
      loss = result.loss
      tokens += result.trainable
      const took = (performance.now() - before) / 1000
      timed.push({ seconds: took, rows: batches.reduce((sum, batch) => sum + batch.rows, 0) })
      await record({
        type: 'step',
        time: now(),
        step,
        epoch: taken.epoch(step),
        loss,
        gradNorm: result.gradNorm,
        learningRate,
        tokens,
        tokensPerSecond: batches.reduce((sum, { ids }) => sum + ids.length, 0) / took,
        memory: process.resourceUsage().maxRSS * 1024,
      })
    }
    const why = patience.exhausted() ? 'early-stopping' : 'completed'

    if (dry) return estimateOf(prepared, timed, plan.totalSteps, { loss, steps: step, tokens })
    const written = await writeOutput(output, trainer, prepared)
    await record({ type: 'end', time: now(), why, steps: step, tokens, seconds: (performance.now() - begun) / 1000, loss })
    await log?.sync()
    await writeReport(files.report, files.events)
    return { output, ...written, metrics: { loss, steps: step, tokens } }
  } finally {
    signal.removeEventListener('abort', stop)
    await log?.close()
    await runLog?.close()
    trainer.close()
  }
}

function diverged(step: number, message: string, checkpoint: string | undefined): QtError {
  return new QtError({
    code: 'TRAINING_DIVERGED',
    message: `Training stopped at step ${step}: ${message}.${checkpoint ? ` The state before it is in ${checkpoint}.` : ''}`,
    actions: [
      'Lower training.learningRate, or add warmupSteps.',
      'Set training.gradClip to 1.',
      'Look for broken rows in the data: qt data stats',
    ],
  })
}

/** By rows, since the last window may be smaller; without the first step, which also pays for touching memory. */
function estimateOf(
  { step, config }: Prepared,
  timed: readonly { seconds: number; rows: number }[],
  totalSteps: number,
  metrics: NativeTrainResult['metrics'],
): NativeTrainResult {
  const usual = timed.length > 1 ? timed.slice(1) : timed
  const perRow = usual.reduce((sum, { seconds }) => sum + seconds, 0) / usual.reduce((sum, { rows }) => sum + rows, 0)
  const secondsPerStep = perRow * config.training.batchSize * config.training.gradAccumulation
  const peakMemory = Math.max(step.plan.total, process.resourceUsage().maxRSS * 1024)
  return { output: '', metrics, estimate: { secondsPerStep, totalSeconds: secondsPerStep * totalSteps, peakMemory } }
}
