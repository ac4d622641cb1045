import { usageError } from '@qt/core'
import { z } from 'zod'
import { defineVerb } from '../args/verb.js'
import { withInterrupt } from '../interrupt.js'
import { need } from '../need.js'
import { countText, fields } from '../print/units.js'
import { decideOptions, readMeasurements } from './optimize-options.js'
import { decisionDocument, decisionFlags, printDecision } from './optimize-report.js'

const whole = z.number().int().positive()
const schema = z.strictObject({
  sites: z
    .array(z.strictObject({ name: z.string(), inputs: whole, outputs: whole, gains: z.array(z.number().nonnegative()) }))
    .min(1),
  overlaps: z.array(z.strictObject({ between: z.tuple([z.string(), z.string()]), share: z.number().min(0).max(1) })).optional(),
})

export const optimizeAdapters = defineVerb({
  name: 'optimize adapters',
  summary: 'Say which matrices get an adapter, and of which rank.',
  details:
    'FILE is JSON with what was measured: {"sites": [{"name", "inputs", "outputs", "gains"}], "overlaps"?: [{"between": [a, b], "share"}]}; gains are the squared singular values of the gradient, the largest first. Every way of deciding is shown beside the others.',
  positionals: [{ name: 'FILE', description: 'Matrices and what adapting them gains.', required: true }],
  flags: {
    ...decisionFlags,
    parameters: { type: 'number', value: 'N', description: 'The most trainable parameters.', required: true },
    ranks: {
      type: 'text',
      value: 'LIST',
      description: 'Ranks to choose among; left out: 2,4,8,16,32. No adapter is always possible.',
    },
  },
  examples: [
    'qt optimize adapters gradients.json --parameters 500000',
    'qt optimize adapters gradients.json --parameters 500000 --ranks 4,8 --json',
  ],
  async run({ flags, positionals, io }) {
    const { sites, overlaps } = await readMeasurements(positionals[0]!, schema)
    const ranks = flags.ranks?.split(',').map(Number)
    if (ranks?.some((rank) => !Number.isInteger(rank) || rank < 1))
      throw usageError('USAGE_BAD_VALUE', `--ranks is "${flags.ranks}".`, { actions: ['Give whole numbers from 1 on: 4,8,16.'] })
    const { placeAdapters } = await need('@qt/quantum', () => import('@qt/quantum/decisions'))
    const placed = await withInterrupt(async (signal) =>
      placeAdapters(sites, { ...(await decideOptions(flags, signal)), parameters: flags.parameters, ranks, overlaps }),
    )
    printDecision(io, placed.decision)
    io.out(`\n${fields([...placed.ranks].map(([name, rank]) => [name, `rank ${rank}`]))}`)
    io.out(`\n${countText(placed.parameters)} parameters of ${countText(flags.parameters)}.\n`)
    io.document({
      ranks: Object.fromEntries(placed.ranks),
      parameters: placed.parameters,
      decision: decisionDocument(placed.decision),
    })
    return 0
  },
})
