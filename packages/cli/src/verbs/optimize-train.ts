import { cp, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { parseConfig, usageError } from '@qt/core'
import { loadConfig } from '@qt/core/node'
import { defineVerb } from '../args/verb.js'
import { withInterrupt } from '../interrupt.js'
import { need } from '../need.js'
import { status } from '../print/status.js'
import { trainProgress } from '../print/train-progress.js'
import { numbers } from '../print/units.js'
import { requireAlone } from '../require-alone.js'
import { stagedTrainer } from '../staged-training.js'
import { overridesFromFlags, trainFlags } from '../train-flags.js'
import { decideOptions } from './optimize-options.js'
import { decisionDocument, decisionFlags } from './optimize-report.js'

export const optimizeTrain = defineVerb({
  name: 'optimize train',
  summary: 'Train in stages, and decide before each what it sees more of and what it trains.',
  details:
    'Every --optimization-frequency steps the loss of each group of examples is measured and a QUBO within --qubo-size-limit says which are seen twice as often and which half as often, with as many tokens in all. Of an adapter the gradient of every module is measured, too: --trained-share freezes those with small ones, --move-ranks halves and doubles ranks within as many parameters as before, keeping the directions that hold most. Each stage is measured on every fifth example, which is never trained on; where its loss did not fall it is rolled back and trained plainly. --control trains every stage plainly, too, and keeps what is better: twice the work, and the effect of each decision. The optimiser begins anew with each stage. Run again after an interruption, it takes the stages that are finished as they are. Data is one JSONL file; --group-by names the field that says what kind an example is.',
  flags: {
    config: { type: 'text', value: 'FILE', description: 'A YAML or JSON configuration; flags override it.' },
    ...trainFlags,
    time: decisionFlags.time,
    'group-by': { type: 'text', value: 'FIELD', description: 'What kind an example is; left out: category.' },
    'trained-share': {
      type: 'number',
      value: 'S',
      description: 'The share of an adapter’s parameters that a stage trains; left out: 1, all.',
    },
    'move-ranks': { type: 'boolean', description: 'Let modules of the adapter give rank to each other.' },
    control: { type: 'boolean', description: 'Train every stage plainly as well, and keep the better.' },
  },
  examples: [
    'qt optimize train --config train.yaml --optimization-frequency 50 --control',
    'qt optimize train --base model.gguf --data examples.jsonl --adapter lora --steps 200 --group-by category --json',
  ],
  async run({ flags, io }) {
    await requireAlone('optimize train')
    const { config: file } = flags
    const overrides = overridesFromFlags(flags)
    const config = typeof file === 'string' ? await loadConfig(file, overrides) : parseConfig({}, { overrides })
    const { steps, optimizationFrequency, seed } = config.training
    if (steps === undefined)
      throw usageError('USAGE_MISSING_FLAG', 'qt optimize train needs a number of steps.', { actions: ['Add --steps 200.'] })
    const { 'trained-share': trainedShare, 'move-ranks': moveRanks = false } = flags
    if (trainedShare !== undefined && !(trainedShare > 0 && trainedShare <= 1))
      throw usageError('USAGE_BAD_VALUE', `--trained-share is ${trainedShare}.`, { actions: ['Give a number above 0, up to 1.'] })
    if ((trainedShare !== undefined || moveRanks) && config.adapter === undefined)
      throw usageError('USAGE_BAD_VALUE', '--trained-share and --move-ranks are about an adapter, and there is none.', {
        actions: ['Add --adapter lora.'],
      })
    const { trainInStages } = await need('@qt/quantum', () => import('@qt/quantum/decisions'))
    const progress = status(io)
    const show = trainProgress(progress)
    return withInterrupt(async (signal) => {
      try {
        const { quantum } = config
        const { solver, time } = await decideOptions(
          { time: flags.time, seed, solver: quantum?.solver, 'qubo-size-limit': quantum?.quboSizeLimit },
          signal,
        )
        const groupBy = flags['group-by'] ?? 'category'
        const trainer = await stagedTrainer({ config, groupBy, moveRanks, io, signal, onEvent: show })
        const { state, stages } = await trainInStages(
          trainer,
          config.adapter?.init === undefined ? {} : { adapter: config.adapter.init },
          {
            ...{ steps, optimizationFrequency, solver, time, seed, signal },
            quboSizeLimit: quantum?.quboSizeLimit,
            control: flags.control,
            trainedShare,
            moveRanks,
            onStage: ({ stage, before, decided, kept }) =>
              progress.line(
                `stage ${stage}  held-out loss ${before.toFixed(4)} → ${decided.toFixed(4)}${kept ? '' : '  not by the decision'}`,
              ),
          },
        )
        progress.end()
        const written = join(config.output, state.adapter === undefined ? 'model' : 'adapter')
        // Beside it first: what was there stays until the new one is whole.
        const beside = `${written}.${process.pid}.tmp`
        try {
          await cp(state.adapter ?? state.model!, beside, { recursive: true })
          await rm(written, { recursive: true, force: true })
          await rename(beside, written)
        } finally {
          await rm(beside, { recursive: true, force: true })
        }
        const cell = (value: number | undefined) => value?.toFixed(4) ?? ''
        io.out(
          numbers([
            ['stage', 'steps', 'before', 'decided', 'plain', 'kept', 'frozen', 'ranks moved', 'seen more', 'seen less'],
            ...stages.map(({ stage, steps: length, before, decided, plain, kept, sampling, frozen, ranks }) => [
              ...[String(stage), String(length), cell(before), cell(decided), cell(plain), kept ? 'yes' : 'no'],
              ...[String(frozen.length), String(Object.keys(ranks).length)],
              namesOf(sampling, (weight) => weight > 1),
              namesOf(sampling, (weight) => weight < 1),
            ]),
          ]),
        )
        const helped = stages.filter(({ kept }) => kept).length
        io.out(`\nHeld-out losses. ${helped} of ${stages.length} decisions were kept. Wrote ${written}.\n`)
        io.document({
          output: config.output,
          written,
          stages: stages.map(({ decision, freezing, ranking, ...stage }) => ({
            ...stage,
            decision: decisionDocument(decision),
            ...(freezing ? { freezing: decisionDocument(freezing) } : {}),
            ...(ranking ? { ranking: decisionDocument(ranking) } : {}),
          })),
        })
        return 0
      } finally {
        progress.end()
      }
    })
  },
})

const namesOf = (sampling: Readonly<Record<string, number>>, which: (weight: number) => boolean): string =>
  Object.entries(sampling)
    .flatMap(([name, weight]) => (which(weight) ? [name] : []))
    .join(', ') || '–'
