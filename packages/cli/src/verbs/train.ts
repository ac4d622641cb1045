import { parseConfig, QtError, shellWord, type TrainingConfig, usageError } from '@qt/core'
import { loadConfig } from '@qt/core/node'
import { defineVerb, type Flags } from '../args/verb.js'
import { commandIn } from '../init/command.js'
import { withInterrupt } from '../interrupt.js'
import type { Io } from '../io.js'
import { need } from '../need.js'
import { status } from '../print/status.js'
import { trainProgress } from '../print/train-progress.js'
import { bytesText, durationText, numbers } from '../print/units.js'
import { overridesFromFlags, trainFlags } from '../train-flags.js'

const own = {
  config: { type: 'text', value: 'FILE', description: 'A YAML or JSON configuration; flags override it.' },
  plan: { type: 'boolean', description: 'Print the exact memory it will take, and stop.' },
  'dry-run': { type: 'number', value: 'N', description: 'Train on N examples, write nothing, estimate the whole.' },
  resume: { type: 'boolean', description: 'Go on where the run in the output folder was left.' },
} as const satisfies Flags

const engine = () => need('@qt/trainer-native', () => import('@qt/trainer-native'))

export const train = defineVerb({
  name: 'train',
  summary: 'Train a model or an adapter.',
  details:
    'Ctrl-C once saves and stops, so that --resume goes on to the same result; twice stops at once. ' +
    'Started by mpirun, srun --mpi=pmix or torchrun it is one of several processes that train together.',
  flags: { ...own, ...trainFlags },
  examples: [
    'qt train --config train.yaml --plan',
    'qt train --config train.yaml --learning-rate 1e-4 --output runs/second',
    'qt train --base model.gguf --data chats.jsonl --adapter lora --steps 200',
    'mpirun -n 4 qt train --config train.yaml',
  ],
  async run({ flags, argv, io }) {
    const { config: file, plan, resume = false, 'dry-run': dryRun } = flags
    if (dryRun !== undefined && (!Number.isInteger(dryRun) || dryRun < 1))
      throw usageError('USAGE_BAD_VALUE', `--dry-run must be a whole number of examples, not ${dryRun}.`, {
        actions: ['Write --dry-run 8.'],
      })
    const overrides = overridesFromFlags(flags)
    const config = typeof file === 'string' ? await loadConfig(file, overrides) : parseConfig({}, { overrides })
    return plan ? printPlan(config, io) : trainAndReport(config, { resume, dryRun, argv, io })
  },
})

async function printPlan(config: TrainingConfig, io: Io): Promise<number> {
  const { launchOf, planMemory } = await engine()
  const launch = launchOf()
  const plan = await planMemory(config)
  if (launch !== undefined && launch.rank > 0) return 0
  if (launch !== undefined) io.out(`Memory of each of ${launch.size} processes:\n`)
  io.out(numbers([...plan.parts.map(({ part, bytes }) => [part, bytesText(bytes)]), ['total', bytesText(plan.total)]]))
  if (plan.offloaded > 0) io.out(`Beside it ${bytesText(plan.offloaded)} of the machine's memory, for what the GPU off-loads.\n`)
  io.document(plan)
  return 0
}

interface Settings {
  readonly resume: boolean
  readonly dryRun: number | undefined
  readonly argv: readonly string[]
  readonly io: Io
}

async function trainAndReport(config: TrainingConfig, { resume, dryRun, argv, io }: Settings): Promise<number> {
  const trainer = await engine()
  // One process speaks for the job; the others only say what goes wrong.
  const speaks = (trainer.launchOf()?.rank ?? 0) === 0
  const progress = status(io)
  const show = trainProgress(progress)
  try {
    const result = await withInterrupt(
      async (signal) => {
        const run = trainer.train(config, { signal, resume, ...(dryRun === undefined ? {} : { dryRun }) })
        for await (const event of run) show(event)
        return run
      },
      () => speaks && progress.line('Stopping as soon as everything is saved; press Ctrl-C again to stop at once.'),
    )
    progress.end()
    if (!speaks) return 0
    const { output, adapter, model, metrics, estimate } = result
    if (estimate)
      io.out(
        `One step takes ${estimate.secondsPerStep.toFixed(2)} s, the whole run about ${durationText(estimate.totalSeconds)}, ` +
          `with at most ${bytesText(estimate.peakMemory)} of memory. Nothing was written.\n`,
      )
    else {
      io.out(
        `Trained ${metrics.steps} steps on ${metrics.tokens} tokens; the last loss is ${metrics.loss?.toFixed(4) ?? 'unknown'}.\n`,
      )
      if (adapter) io.out(`  adapter  ${adapter.path}\n`)
      if (model) io.out(`  model    ${model.path}\n`)
      io.out(`  run      ${output}\n`)
    }
    io.document({
      output,
      ...(adapter ? { adapter: adapter.path } : {}),
      ...(model ? { model: model.path } : {}),
      ...metrics,
      ...(estimate ? { estimate } : {}),
    })
    return 0
  } catch (error) {
    progress.end()
    if (!speaks && QtError.isInstance(error) && error.kind === 'interrupted') return 130
    if (dryRun !== undefined || !QtError.isInstance(error) || error.kind !== 'interrupted') throw error
    const command = resumeCommand(argv)
    io.note(
      `${error.message}\nGo on with${trainer.launchOf() ? ', started in as many processes as you like' : ''}:\n  ${command}\n`,
    )
    io.document({ error: error.toJSON(), resume: command })
    return 130
  }
}

/** What was typed, once more and with --resume. */
const resumeCommand = (argv: readonly string[]): string =>
  [commandIn('.'), ...argv.map(shellWord), ...(argv.includes('--resume') ? [] : ['--resume'])].join(' ')
