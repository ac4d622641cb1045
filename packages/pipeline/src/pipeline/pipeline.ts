import { setMaxListeners } from 'node:events'
import { isAbsolute, join, relative, resolve as resolvePath } from 'node:path'
import { baseModelPath } from '@qt/base-model'
import { QtError, type Run, type RunContext, shellWord, startRun } from '@qt/core'
import { lockFolder } from '@qt/core/node'
import { defaultTools, toolsOf } from '@qt/data'
import { requireDevice } from '@qt/trainer-native'
import { type ResolveProgress, resolve } from '@qt/weights'
import { evaluate } from './evaluate.js'
import { type PipelineEvent, type PipelineResult, type StageName, stageNames } from './events.js'
import { sweepLeftovers } from './leftovers.js'
import { loadPipelineConfig, type PipelineConfig, type PipelineSettings } from './load-config.js'
import { mergeAdapter, quantiseAll, toGguf } from './model-files.js'
import { report } from './report.js'
import { requireOwnOutput } from './require-own-output.js'
import { settleTraining } from './settle-training.js'
import type { Workshop } from './stage.js'
import { openStageStore } from './stage-store.js'
import { tune } from './tune.js'
import { validate } from './validate.js'
import { verify } from './verify.js'

export interface PipelineOptions {
  /** Instead of the base in pipeline.yaml: GGUF file, Hugging Face folder or hub id. */
  readonly base?: string | undefined
  /** Instead of the device in pipeline.yaml: cpu, or an NVIDIA GPU by its number: cuda, cuda:1. */
  readonly device?: string | undefined
  /** Train on the valid scenarios when some are not. */
  readonly skipInvalid?: boolean | undefined
  /** What starts the command line in a shell, for the commands that results and errors name; left out: qt. */
  readonly command?: string | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Everything from a folder of scenarios to checked, measured model files, as DIR/pipeline.yaml says. What was made from the
 * same inputs before is used again; a run that was stopped or killed goes on where it was, to the same bytes. Training happens
 * in this process.
 *
 * @example
 * ```ts
 * const run = pipeline('examples/dungeon-master')
 * for await (const event of run) if (event.type === 'stage') console.log(event.stage, event.state)
 * const { quantised, report } = await run
 * ```
 */
export function pipeline(dir: string, options: PipelineOptions = {}): Run<PipelineEvent, PipelineResult> {
  return startRun<PipelineEvent, PipelineResult>(async (context) => {
    // Every stage, and every model in it, listens for as long as it works.
    setMaxListeners(0, context.signal)
    const settings = await loadPipelineConfig(dir, { base: options.base, device: options.device })
    requireDevice(settings.device, (other) => `Compute elsewhere: --device ${other}, or device: ${other} in pipeline.yaml.`)
    await requireOwnOutput(settings)
    const lock = await lockFolder(settings.output)
    try {
      return await run(dir, options.command ?? 'qt', await openWorkshop(context, settings, options))
    } catch (error) {
      // Whatever an aborted part says of it, the run as a whole was interrupted and goes on with the same command.
      if (context.signal.aborted) throw interrupted(error)
      throw error
    } finally {
      await lock.release()
    }
  }, options)
}

async function openWorkshop(
  context: RunContext<PipelineEvent>,
  settings: PipelineSettings,
  { skipInvalid = false }: PipelineOptions,
): Promise<Workshop> {
  const { emit, signal } = context
  await sweepLeftovers(settings.output)
  const onProgress = (progress: ResolveProgress) => emit({ type: 'download', ...progress })
  const base = settings.base === undefined ? baseModelPath() : await resolve(settings.base, { signal, onProgress })
  const config = await settleTraining(settings, base)
  const states = new Map<StageName, 'done' | 'reused'>()
  const store = await openStageStore(config.output)
  return { ...context, config, store, base, states, skipInvalid }
}

const interrupted = (cause: unknown) =>
  new QtError({
    code: 'PIPELINE_INTERRUPTED',
    message: 'The pipeline was stopped; what is done stays done.',
    kind: 'interrupted',
    actions: ['Run the same command again to go on.'],
    cause,
  })

async function run(dir: string, command: string, workshop: Workshop): Promise<PipelineResult> {
  const { base, config, states } = workshop
  const { folder, data } = config
  const tools = (await toolsOf(data.tools && resolvePath(folder, data.tools))) ?? defaultTools
  const validated = await validate(workshop, { tools, command })
  const tuned = await tune(workshop)
  const model = await toGguf(workshop, await mergeAdapter(workshop, tuned))
  const quantised = await quantiseAll(workshop, model)
  const verified = await verify(workshop, [model, ...quantised.map(({ path }) => path)])
  const evaluated = await evaluate(
    workshop,
    [
      { label: 'base', path: base },
      { label: 'tuned', path: model },
      ...quantised.map(({ type, path }) => ({ label: type, path })),
    ],
    tools,
  )
  const best = quantised[0]?.path ?? model
  // The report does not say where it lies, nor what runs there: it is the same on every machine.
  const next = nextSteps(config, { dir: '.', best, command: 'qt' })
  const file = await report(workshop, { validated, tuned, quantised, verified, evaluated, next })
  const { leftOut } = validated
  return {
    output: config.output,
    model,
    quantised,
    report: file,
    evaluation: evaluated.models,
    stages: stagesOf(states),
    leftOut,
    next: nextSteps(config, { dir, best, command }),
  }
}

const stagesOf = (states: ReadonlyMap<StageName, 'done' | 'reused'>): PipelineResult['stages'] => {
  const of = (name: StageName) => states.get(name) ?? 'reused'
  const [validate_, train, merge, convert, quantise, verify_, evaluate_, report_] = stageNames
  return {
    [validate_]: of(validate_),
    [train]: of(train),
    [merge]: of(merge),
    [convert]: of(convert),
    [quantise]: of(quantise),
    [verify_]: of(verify_),
    [evaluate_]: of(evaluate_),
    [report_]: of(report_),
  }
}

interface NextOptions {
  /** How the folder is called where the commands are typed. */
  readonly dir: string
  readonly best: string
  readonly command: string
}

function nextSteps({ folder, data }: PipelineConfig, { dir, best, command }: NextOptions): string[] {
  const at = (path: string) => shellWord(isAbsolute(path) ? path : join(dir, path))
  const again = `${command} pipeline ${shellWord(dir)}`
  return [
    `Talk to it: ${command} chat --model ${at(relative(folder, best))}`,
    `Make it yours: edit or add scenarios in ${at(data.scenarios)} and run ${again} again; only what changed is redone.`,
    `Make it better: take a larger base, ${again} --base HuggingFaceTB/SmolLM2-135M-Instruct, or train longer: training in pipeline.yaml.`,
  ]
}
