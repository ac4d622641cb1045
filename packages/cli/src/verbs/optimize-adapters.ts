import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { shellWord, usageError } from '@qt/core'
import { writeFileAtomic } from '@qt/core/node'
import { z } from 'zod'
import { defineVerb } from '../args/verb.js'
import { engineFlags, engineOptions } from '../engine-flags.js'
import { pasteable } from '../init/command.js'
import { withInterrupt } from '../interrupt.js'
import {
  type AdapterMeasuring,
  configurationOf,
  equalRanks,
  judgePlacements,
  measureSites,
  type PlacementWay,
  placementsText,
} from '../measure-adapters.js'
import { need } from '../need.js'
import { prepareOutput } from '../prepare-output.js'
import { status } from '../print/status.js'
import { countText, fields } from '../print/units.js'
import { requireAlone } from '../require-alone.js'
import { localPath } from '../resolve.js'
import { decideOptions, readMeasurements } from './optimize-options.js'
import { decisionDocument, decisionFlags, printDecision } from './optimize-report.js'

const whole = z.number().int().positive()
const schema = z.strictObject({
  sites: z
    .array(z.strictObject({ name: z.string(), inputs: whole, outputs: whole, gains: z.array(z.number().nonnegative()) }))
    .min(1),
  overlaps: z.array(z.strictObject({ between: z.tuple([z.string(), z.string()]), share: z.number().min(0).max(1) })).optional(),
})

/** What the ranks are when none are named, as `placeAdapters` has them. */
const usualRanks = [2, 4, 8, 16, 32]

export const optimizeAdapters = defineVerb({
  name: 'optimize adapters',
  summary: 'Say which matrices get an adapter, and of which rank.',
  details:
    'With --base and --data, the gradient of every matrix is measured on four of five examples: a rank gains the squared singular values that it covers. With --steps, the placement that is taken, those of the QUBO and of the greedy choice, and one rank for all matrices are then trained for so many steps each, and compared on the other examples with confidence intervals. Or FILE is JSON with what was measured elsewhere: {"sites": [{"name", "inputs", "outputs", "gains"}], "overlaps"?: [{"between": [a, b], "share"}]}; gains are the squared singular values, the largest first. Every way of deciding is shown beside the others.',
  positionals: [{ name: 'FILE', description: 'Matrices and what adapting them gains; left out: they are measured.' }],
  flags: {
    ...decisionFlags,
    parameters: { type: 'number', value: 'N', description: 'The most trainable parameters.', required: true },
    ranks: {
      type: 'text',
      value: 'LIST',
      description: `Ranks to choose among; left out: ${usualRanks.join(',')}. No adapter is always possible.`,
    },
    base: { type: 'text', value: 'PATH', description: 'The model that is to be adapted.' },
    data: { type: 'text', value: 'PATH', description: 'The data that it is to be trained on.' },
    'sequence-length': { type: 'number', value: 'N', description: 'As of qt train.' },
    'learning-rate': { type: 'number', value: 'N', description: 'As of qt train, for --steps.' },
    steps: { type: 'number', value: 'N', description: 'Train every placement for so many steps; left out: none is trained.' },
    ...engineFlags,
    output: { type: 'text', value: 'FILE', description: 'Write a configuration for qt train --config; with --base and --data.' },
  },
  examples: [
    'qt optimize adapters --base model.gguf --data examples.jsonl --parameters 500000 --steps 50 --output adapter.json',
    'qt optimize adapters gradients.json --parameters 500000',
    'qt optimize adapters gradients.json --parameters 500000 --ranks 4,8 --json',
  ],
  async run({ flags, positionals, io }) {
    const [file] = positionals
    const { base, data, parameters, steps, output } = flags
    const measures = base !== undefined && data !== undefined
    if (measures) await requireAlone('optimize adapters')
    if (file !== undefined && output !== undefined)
      throw usageError(
        'USAGE_BAD_VALUE',
        'A configuration cannot be written from measurements alone: it names a model, its data and every matrix of the model.',
        {
          actions: [
            'Give --base MODEL and --data PATH instead of FILE.',
            'Leave out --output: the ranks are printed, with --json too.',
          ],
        },
      )
    const engine = engineOptions(flags)
    const ofMeasuring = [base, data, steps, flags.threads, flags.device, flags['sequence-length'], flags['learning-rate']]
    if ((file === undefined) !== measures || (file !== undefined && ofMeasuring.some((one) => one !== undefined)))
      throw usageError(
        'USAGE_MISSING_FLAG',
        'qt optimize adapters needs a file of measurements, or a model and data to measure.',
        {
          actions: ['Give --base MODEL and --data PATH, or FILE without flags of measuring and training.'],
        },
      )
    const ranks = flags.ranks?.split(',').map(Number)
    if (ranks?.some((rank) => !Number.isInteger(rank) || rank < 1))
      throw usageError('USAGE_BAD_VALUE', `--ranks is "${flags.ranks}".`, { actions: ['Give whole numbers from 1 on: 4,8,16.'] })
    if (steps !== undefined && !(Number.isInteger(steps) && steps >= 1))
      throw usageError('USAGE_BAD_VALUE', `--steps is ${steps}.`, { actions: ['Give a whole number from 1 on.'] })
    const { placeAdapters, placementRanks } = await need('@qt/quantum', () => import('@qt/quantum/decisions'))
    if (output !== undefined)
      await prepareOutput(
        output,
        [base, data].filter((one) => one !== undefined),
      )
    return withInterrupt(async (signal) => {
      const options = { ...(await decideOptions(flags, signal)), parameters, ranks }
      const progress = status(io)
      const folder = await mkdtemp(join(tmpdir(), 'qt-adapters-'))
      try {
        const measuring: AdapterMeasuring | undefined = measures
          ? {
              ...{ base: await localPath(base, io, signal), data, folder, signal, onProgress: progress.update },
              ...{ sequenceLength: flags['sequence-length'], learningRate: flags['learning-rate'] },
              ...{ seed: flags.seed, engine },
            }
          : undefined
        const { sites, overlaps } = measuring
          ? { sites: await measureSites(measuring, Math.max(...(ranks ?? usualRanks))), overlaps: undefined }
          : await readMeasurements(file!, schema)
        const placed = await placeAdapters(sites, { ...options, overlaps })
        const way = (name: string, choice: readonly number[]): PlacementWay => ({
          name,
          ranks: placementRanks(sites, choice, ranks),
        })
        const by = (method: string) => placed.decision.outcomes.find((one) => one.method === method)!.choice
        const ways = [
          way('taken', placed.decision.best.choice),
          way('qubo', by('qubo')),
          way('greedy', by('greedy')),
          { name: 'one rank for all', ranks: equalRanks(sites, parameters) },
        ]
        const judged = measuring && steps !== undefined ? await judgePlacements(ways, sites, steps, measuring) : undefined
        progress.end()
        printDecision(io, placed.decision)
        if (judged) io.out(`\nLoss on held-out examples after ${steps} steps, with 95 % intervals:\n${placementsText(judged)}`)
        io.out(`\n${fields([...placed.ranks].map(([name, rank]) => [name, `rank ${rank}`]))}`)
        io.out(`\n${countText(placed.parameters)} parameters of ${countText(parameters)}.\n`)
        // Last: what was decided is said, whatever becomes of the file.
        if (output !== undefined && measuring !== undefined) {
          if (placed.ranks.size === 0)
            throw usageError(
              'DECISION_INVALID',
              `No adapter is worth ${parameters} parameters or less: there is nothing to write.`,
              {
                actions: ['Raise --parameters, or name lower --ranks.'],
              },
            )
          const document = configurationOf({ ...measuring, base: base! }, sites, placed.ranks)
          await writeFileAtomic(output, `${JSON.stringify(document, null, 2)}\n`)
          io.out(`Wrote ${output}: ${pasteable(`qt train --config ${shellWord(output)} --steps 200`)}\n`)
        }
        io.document({
          ranks: Object.fromEntries(placed.ranks),
          parameters: placed.parameters,
          ...(judged ? { judged } : {}),
          ...(measures ? { measured: sites } : {}),
          ...(output === undefined ? {} : { output }),
          decision: decisionDocument(placed.decision),
        })
        return 0
      } finally {
        progress.end()
        await rm(folder, { recursive: true, force: true })
      }
    })
  },
})
