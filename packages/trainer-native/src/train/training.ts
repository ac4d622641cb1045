import { specForLength, type TrainingConfig } from '@qt/core'
import { type FolderLock, lockFolder } from '@qt/core/node'
import { binding, forcedKernels, type NativeTrainer } from '../binding.js'
import { isOutOfMemory } from '../engine-errors.js'
import { gpuLibraries, gpuPlace } from '../gpu.js'
import { placeOf } from '../parallel/groups.js'
import { reasonText, tellFailure } from '../parallel/job-failure.js'
import { microBatchesOf, requireAlike, sharedCheckpoint, shareWarnings } from '../parallel/share.js'
import type { Team } from '../parallel/team.js'
import { beyondContext, ignoredSettings, storageOf } from '../supported.js'
import { versions } from '../versions.js'
import { chunkWarnings } from './agreed-chunk.js'
import { agreedSavings } from './agreed-savings.js'
import { tensorSources } from './base.js'
import {
  type CheckpointState,
  checkpointPath,
  type FoundCheckpoint,
  forgetAfter,
  requireNewest,
  restoreCheckpoint,
  writeCheckpoint,
} from './checkpoint.js'
import { type EarlyStopping, earlyStopping } from './early-stopping.js'
import { finalNumbers } from './final-numbers.js'
import { type FrozenModules, frozenModules } from './frozen-modules.js'
import { type Cut, cutInto, cutText, halved, openCut } from './micro-batch.js'
import { writeOutput } from './output.js'
import type { PlanChange, Prepared } from './prepare.js'
import { openRecorder, type Recorder, silent } from './recorder.js'
import { writeReport } from './report.js'
import { requireMemory } from './require-memory.js'
import {
  changedSettings,
  fingerprint,
  requireFresh,
  requireOwnFolder,
  resolvedConfig,
  runFiles,
  saveConfig,
} from './run-files.js'
import { learningRateAt } from './schedule.js'
import { startParameters } from './start-parameters.js'
import { oneStep, type StepResult, validate } from './steps.js'
import { liesInFile } from './tensor-share.js'
import { changedSince, diverged, paused } from './training-errors.js'
import type { NativeTrainResult, RunningContext } from './types.js'
import { leaveToWhoLacks } from './want-of-memory.js'
import { type Windows, windows } from './windows.js'

/**
 * A run, from its beginning or its newest checkpoint to its end. After each optimiser step comes its validation, then its
 * checkpoint; `stage` says how far the step at hand has come, so that a run that was paused anywhere goes on at just that point,
 * and its log reads as if it had never stopped.
 */
export async function training(
  given: Prepared,
  { resume }: { resume: boolean },
  { emit, signal, team }: RunningContext,
): Promise<NativeTrainResult> {
  const { config, rows } = given
  const files = runFiles(config.output)
  const first = team.rank === 0
  if (first && !resume) await requireFresh(config.output)
  const found = resume ? await sharedCheckpoint(files.checkpoints, team) : undefined
  if (first && !found) await requireOwnFolder(config.output, given)
  const changed = async ({ path, state: { step } }: FoundCheckpoint) =>
    changedSince(step, path, await changedSettings(config.output, given))
  const microBatches = microBatchesOf(config, placeOf(team, team.tensorParallel).rows.size, found?.state)
  const batchSize = found?.state.batchSize ?? config.training.batchSize
  const factor = config.training.batchSize / batchSize
  // Memory cuts micro-batches of the configuration into whole parts: others are of another configuration.
  if (found && !Number.isInteger(factor)) throw await changed(found)
  const stored = found?.state.feedForwardChunk
  const savings = await agreedSavings(given, { microBatches: microBatches * factor, batchSize }, stored, team)
  const change: PlanChange = { microBatches, ...savings }
  const configured: Cut = {
    prepared: { ...given, step: given.planned(change) },
    plan: windows(rows.train, rows.shuffle, config.training, microBatches),
  }
  const { configuration, earlier } = await fingerprint(configured.prepared, configured.plan)
  if (found && ![configuration, ...earlier].includes(found.state.configuration)) throw await changed(found)
  requireAlike(await team.gatherText(configuration))
  const cut = factor === 1 ? configured : cutInto(configured, batchSize, change)
  requireMemory(cut.prepared)

  const lock = first ? await lockFolder(config.output) : undefined
  let trainer: NativeTrainer | undefined
  let run: OpenRun | undefined
  let recorder: Recorder | undefined
  const stop = () => (run?.trainer ?? trainer)?.setAbort(true)
  signal.addEventListener('abort', stop)
  try {
    // What was true before the folder was this run's.
    if (first) await (resume ? requireNewest(files.checkpoints, found) : requireFresh(config.output))
    if (first && !found) await requireOwnFolder(config.output, given)
    const opened = await openCut(cut, team, openTrainer)
    const { prepared, plan } = opened
    trainer = opened.trainer
    if (found) await restoreCheckpoint(found, trainer, team)
    else await startParameters(trainer, prepared, signal)
    const libraries = await trainer.shareParameters()
    if (first) await saveConfig(config.output, configured.prepared)
    // Opening cuts the log back to the checkpoint, so it comes after everything that can fail.
    recorder = first ? await openRecorder(files, found?.state.logLength ?? 0, emit) : silent
    if (first && found) await forgetAfter(files.checkpoints, found.state.step)
    const patience = earlyStopping(config.training.earlyStopping, found?.state.earlyStopping ?? { best: null, since: 0 })
    const position: Position = found?.state ?? { step: 0, stage: 'saved', tokens: 0, loss: null }
    run = {
      configured,
      prepared,
      team,
      lock,
      plan,
      configuration,
      trainer,
      way: wayOf(libraries, config, team),
      frozen: frozenModules(trainer, prepared.adapter),
      recorder,
      patience,
      position: { ...position },
      begun: performance.now(),
    }
    await announce(run, found !== undefined)
    if (run.way !== undefined)
      await recorder.record({ type: 'message', level: 'info', message: run.way }, found ? 'aside' : 'everywhere')
    for (const message of [...chunkWarnings(stored, savings.feedForwardChunk), ...opened.warnings])
      await recorder.record({ type: 'message', level: 'warning', message }, 'everywhere')
    for (const message of found?.passedOver ?? []) await recorder.record({ type: 'message', level: 'warning', message }, 'aside')
    if (resume && !found) {
      const message = `There is nothing to resume in ${config.output}: the run starts from its beginning.`
      await recorder.record({ type: 'message', level: 'warning', message }, 'aside')
    }
    return await toTheEnd(run, signal)
  } catch (error) {
    tellFailure(error, team)
    const lost = team.communicator?.failure()
    if (lost && lost.rank !== team.rank)
      await recorder?.record({ type: 'message', level: 'warning', message: `rank ${lost.rank}: ${reasonText(lost)}` }, 'aside')
    throw error
  } finally {
    signal.removeEventListener('abort', stop)
    await recorder?.close()
    ;(run?.trainer ?? trainer)?.close()
    await lock?.release()
  }
}

/** The engine with the base mapped and the planned memory taken. */
export function openTrainer(
  { base, config, step, threads }: Prepared,
  { communicator }: Pick<Team, 'communicator'>,
): NativeTrainer {
  const { Model, Trainer } = binding()
  const model = new Model(
    specForLength(base.spec, step.options.maxPositions),
    base.model ? tensorSources(base.model) : [],
    storageOf(config),
    step.options.share?.base || (step.options.share?.tensor !== undefined && !liesInFile(base, storageOf(config))),
  )
  return new Trainer(model, step.options, threads, forcedKernels(), communicator, gpuPlace(config.device))
}

type Libraries = Awaited<ReturnType<NativeTrainer['shareParameters']>>

function wayOf({ gradients, blocks }: Libraries, { device }: TrainingConfig, { size, tensorParallel }: Team): string | undefined {
  if (size === 1 || device === 'cpu') return undefined
  const missing = gpuLibraries().find(({ name }) => name === 'NCCL')?.why
  const without = missing === undefined ? '' : `, without NCCL (${missing})`
  const way = (library: string | null) =>
    library === null ? `through the memory of the processes${without}` : `from GPU to GPU by ${library}`
  return `Gradients go ${way(gradients)}.${tensorParallel > 1 ? ` What blocks add up goes ${way(blocks)}.` : ''}`
}

/** How far a run has come. */
type Position = Pick<CheckpointState, 'step' | 'stage' | 'tokens' | 'loss'>

interface OpenRun {
  /** What was asked for; below it what memory allows. */
  readonly configured: Cut
  prepared: Prepared
  plan: Windows
  trainer: NativeTrainer
  /** What is said of how GPUs of several processes exchange numbers. */
  way: string | undefined
  frozen: FrozenModules | undefined
  readonly team: Team
  /** Of the one process that writes. */
  readonly lock: FolderLock | undefined
  readonly configuration: string
  readonly recorder: Recorder
  readonly patience: EarlyStopping
  readonly position: Position
  readonly begun: number
}

/** The log of a resumed run is the log of an uninterrupted one: its beginning is there already. */
async function announce({ configured, prepared, plan, recorder, position, team }: OpenRun, resumed: boolean): Promise<void> {
  const where = resumed ? 'aside' : 'everywhere'
  const { config, adapter, step, rows } = prepared
  await recorder.record(
    {
      type: 'start',
      config: resolvedConfig(configured.prepared.config, adapter),
      plan: [...step.plan.parts],
      versions: versions(),
      steps: plan.totalSteps,
      ...(team.size > 1 ? { processes: team.size } : {}),
      ...(resumed ? { resumedFrom: position.step } : {}),
    },
    where,
  )
  await recorder.record({ type: 'message', level: 'info', message: rows.description }, where)
  const ignored = ignoredSettings(config, prepared.base.spec, {
    validated: rows.validation !== undefined,
    groups: placeOf(team, team.tensorParallel).rows.size,
  })
  const beyond = beyondContext(step.options.maxPositions, prepared.base.spec)
  const warn = (message: string) => recorder.record({ type: 'message', level: 'warning', message }, where)
  const own = [...rows.warnings, ...ignored, ...beyond, ...shareWarnings(plan, team, config)]
  for (const message of own) await warn(message)
  const kernels = await team.gatherText(versions().kernels ?? '')
  const everybodys = await team.gatherText(JSON.stringify(own))
  for (const [rank, text] of everybodys.entries()) {
    const theirs: readonly string[] = JSON.parse(text)
    for (const message of theirs) if (!own.includes(message)) await warn(`rank ${rank}: ${message}`)
    if (kernels[rank] !== kernels[0])
      await warn(
        `rank ${rank} computes with the kernels ${kernels[rank]} and rank 0 with ${kernels[0]}: a run elsewhere will not have the same bytes.`,
      )
  }
}

async function toTheEnd(run: OpenRun, signal: AbortSignal): Promise<NativeTrainResult> {
  const { prepared, plan, team, recorder, patience, position } = run
  const { training: settings, output } = prepared.config
  const last = () => position.step === plan.totalSteps || patience.exhausted()
  const due = (every: number) => position.step % every === 0 || last()
  for (;;) {
    run.lock?.requireHeld()
    if (position.stage === 'stepped') {
      if (prepared.rows.validation && due(settings.validateEvery) && !(await withRoom(run, () => validated(run))))
        return pause(run)
      position.stage = 'validated'
    }
    if (position.stage === 'validated') {
      position.stage = 'saved'
      if (due(settings.saveEvery)) await checkpoint(run)
    }
    if (last()) break
    if (!(await withRoom(run, () => stepped(run, signal)))) return pause(run)
  }
  const numbers = await finalNumbers(run.trainer, team.rank, prepared.adapter)
  if (team.rank > 0) return { output, metrics: { loss: position.loss, steps: position.step, tokens: position.tokens } }
  const written = await writeOutput(output, run.trainer, prepared, numbers)
  const { step: steps, tokens, loss } = position
  const why = patience.exhausted() ? 'early-stopping' : 'completed'
  await recorder.record({ type: 'end', why, steps, tokens, seconds: (performance.now() - run.begun) / 1000, loss })
  await recorder.sync()
  const files = runFiles(output)
  await writeReport(files.report, files.events)
  return { output, ...written, metrics: { loss, steps, tokens } }
}

/**
 * When a pass finds no memory, because others have taken it, the step is taken anew in smaller micro-batches, by all processes, from the numbers
 * that it began with: a checkpoint carries them over.
 */
async function withRoom<Result>(run: OpenRun, work: () => Promise<Result>): Promise<Result> {
  for (;;)
    try {
      return await work()
    } catch (error) {
      if (!isOutOfMemory(error)) throw error
      const smaller = halved(run)
      if (!smaller) {
        await leaveToWhoLacks(error, run.team)
        throw error
      }
      await recut(run, smaller, cutText(error.message, run, smaller))
    }
}

async function recut(run: OpenRun, smaller: Cut, message: string): Promise<void> {
  const { team, recorder } = run
  await save(run)
  run.trainer.close()
  const { prepared, plan, trainer, warnings } = await openCut(smaller, team, openTrainer)
  run.prepared = prepared
  run.plan = plan
  run.trainer = trainer
  const found = await sharedCheckpoint(runFiles(prepared.config.output).checkpoints, team)
  if (found?.state.step !== run.position.step) throw new Error(`what was saved of step ${run.position.step} cannot be read again`)
  await restoreCheckpoint(found, trainer, team)
  const way = wayOf(await trainer.shareParameters(), prepared.config, team)
  // What it holds are the checkpoint's numbers, so it is asked after they are there.
  run.frozen = frozenModules(trainer, prepared.adapter)
  const changed = way === undefined || way === run.way ? [] : [way]
  run.way = way
  for (const text of [message, ...warnings, ...changed])
    await recorder.record({ type: 'message', level: 'warning', message: text }, 'everywhere')
}

/** Takes the next step; false when it was stopped, and then nothing has changed. */
async function stepped(run: OpenRun, signal: AbortSignal): Promise<boolean> {
  const { prepared, plan, team, trainer, frozen, recorder, position } = run
  const { config } = prepared
  const step = position.step + 1
  const begun = performance.now()
  const learningRate = learningRateAt(step, plan.totalSteps, config.training)
  const result = await oneStep({ trainer, plan, step, learningRate, config, frozen, team, signal })
  if (result === undefined) return false
  const { broken } = result
  if (broken) {
    // Saved first: a run that goes on from here has a log without this.
    const saved = await save(run)
    await recorder.record({ type: 'anomaly', step, kind: 'not-finite', message: broken.cause })
    const { step: steps, tokens, loss } = position
    await recorder.record({ type: 'end', why: 'anomaly', steps, tokens, seconds: (performance.now() - run.begun) / 1000, loss })
    // Nobody goes before it is written.
    await team.gather([])
    throw diverged(step, broken, saved)
  }
  position.step = step
  position.stage = 'stepped'
  position.loss = result.loss
  position.tokens += result.trainable
  await recorder.record(
    stepEvent(result, (performance.now() - begun) / 1000, { ...position, learningRate, epoch: plan.epoch(step) }),
  )
  return true
}

export const stepEvent = (
  { loss, gradNorm, tokens: all, memory, deviceMemory }: StepResult,
  seconds: number,
  { step, tokens, learningRate, epoch }: { step: number; tokens: number; learningRate: number; epoch: number },
) => ({
  type: 'step' as const,
  step,
  epoch,
  loss,
  gradNorm,
  learningRate,
  tokens,
  tokensPerSecond: all / seconds,
  memory,
  ...(deviceMemory !== undefined && { deviceMemory }),
})

/** False when the validation was stopped. */
async function validated({ prepared, team, trainer, recorder, patience, position }: OpenRun): Promise<boolean> {
  const found = await validate(trainer, prepared, team)
  if (found === undefined) return false
  await recorder.record({ type: 'validation', step: position.step, ...found })
  patience.add(found.loss)
  return true
}

/** A checkpoint with its event, which comes first, so that the length of the log that the checkpoint records includes it. */
async function checkpoint(run: OpenRun): Promise<void> {
  const { step } = run.position
  const path = checkpointPath(runFiles(run.prepared.config.output).checkpoints, step)
  // A checkpoint counts the event that tells of it, and nobody else hears of one that is not written yet.
  const tell = await run.recorder.write({ type: 'checkpoint', step, path })
  await save(run)
  await tell()
}

async function save({
  configured,
  prepared,
  team,
  configuration,
  trainer,
  recorder,
  patience,
  position,
}: OpenRun): Promise<string> {
  const logLength = await recorder.sync()
  const { step, stage, tokens, loss } = position
  const state: CheckpointState = {
    version: 1,
    step,
    stage,
    tokens,
    loss,
    configuration,
    logLength,
    earlyStopping: patience.state(),
    gradAccumulation: configured.prepared.config.training.gradAccumulation,
    microBatches: configured.plan.microBatches,
    batchSize: prepared.config.training.batchSize,
    feedForwardChunk: prepared.step.plan.feedForwardChunk,
  }
  return writeCheckpoint(runFiles(prepared.config.output).checkpoints, trainer, state, team)
}

async function pause(run: OpenRun): Promise<never> {
  const { step } = run.position
  await run.recorder.record({ type: 'paused', step, checkpoint: await save(run) })
  // Nobody goes before it is written: what started the processes may kill those that remain.
  await run.team.gather([])
  throw paused(step, run.prepared.config.output)
}
