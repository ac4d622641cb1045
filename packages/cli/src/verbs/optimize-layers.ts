import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { shellWord, usageError } from '@qt/core'
import { defineVerb } from '../args/verb.js'
import { requireModelFile, requireText } from '../calibration.js'
import { engineOptions } from '../engine-flags.js'
import { pasteable } from '../init/command.js'
import { withInterrupt } from '../interrupt.js'
import { judgedText, judgeWays, type Way } from '../judge-ways.js'
import { need } from '../need.js'
import { measureLayers, writeWithout } from '../optimize-layers.js'
import { prepareOutput } from '../prepare-output.js'
import { status } from '../print/status.js'
import { measuringFlags, measuringRows } from '../variant-rows.js'
import { withModel } from '../variants.js'
import { decideOptions } from './optimize-options.js'
import { decisionDocument, decisionFlags, printDecision } from './optimize-report.js'

export const optimizeLayers = defineVerb({
  name: 'optimize layers',
  summary: 'Say which layers to leave out of a model, counting how they act together.',
  details:
    'The KL divergence from the whole model is measured without each layer and without each two, on one part of the text; which layers lose least together is a QUBO. Beside it stand the greedy choice, the layers that are least missed one by one, and those that change least what passes through them, as qt prune has it. All are measured again on held-out rows. Layers squared over two readings of the text are made: 465 for 30 layers.',
  positionals: [{ name: 'MODEL', description: 'A GGUF file.', required: true }],
  flags: {
    ...decisionFlags,
    'drop-layers': { type: 'number', value: 'N', description: 'How many layers to leave out.', required: true },
    ...measuringFlags,
    output: { type: 'text', value: 'FILE', description: 'Write the model without them.' },
  },
  examples: [
    'qt optimize layers model-f16.gguf --drop-layers 2 --text calibration.txt',
    'qt optimize layers model-f16.gguf --drop-layers 4 --text calibration.txt --held-out test.txt --output smaller.gguf --json',
  ],
  async run({ flags, positionals, io }) {
    const input = positionals[0]!
    const count = flags['drop-layers']
    requireText('optimize layers', flags)
    const engine = engineOptions(flags)
    await requireModelFile(input)
    if (flags.output !== undefined) await prepareOutput(flags.output, [input])
    const { dropLayers, dropLayersProblem, objectiveOf } = await need('@qt/quantum', () => import('@qt/quantum/decisions'))
    return withInterrupt(async (signal) => {
      const deciding = await decideOptions(flags, signal)
      const options = { ...engine, signal }
      const progress = status(io)
      const { heldOut, measured } = await withModel(input, options, async (model) => {
        const { layers } = model.spec
        if (!(Number.isInteger(count) && count >= 1 && count < layers))
          throw usageError('PRUNE_COUNT', `--drop-layers is ${count}; this model allows 1 to ${layers - 1}.`, {
            where: { field: '--drop-layers' },
            actions: [`Give a whole number from 1 to ${layers - 1}.`],
          })
        return measuringRows(flags, model, input, io.note, signal)
      })
      const folder = await mkdtemp(join(tmpdir(), 'qt-layers-'))
      try {
        const given = { input, folder, rows: measured, options, onProgress: progress.update }
        const costs = await measureLayers(given)
        const problem = dropLayersProblem(costs, count)
        const { layers, decision } = await dropLayers(costs, { ...deciding, count })
        const least = (values: ArrayLike<number>) =>
          Array.from(values, (value, layer) => ({ value, layer }))
            .sort((a, b) => a.value - b.value || b.layer - a.layer)
            .slice(0, count)
            .map(({ layer }) => layer)
            .sort((a, b) => a - b)
        const way = (name: string, gone: readonly number[]): Way & { readonly layers: readonly number[] } => ({
          name,
          layers: gone,
          predicted: objectiveOf(
            problem,
            costs.single.map((_, layer) => (gone.includes(layer) ? 1 : 0)),
          ),
          key: gone.join(' '),
          write: (path) => writeWithout(input, path, gone, signal),
        })
        const chosenBy = (method: string) =>
          decision.outcomes.find((one) => one.method === method)!.choice.flatMap((out, layer) => (out === 1 ? [layer] : []))
        const ways = [
          way('taken', layers),
          way('qubo', chosenBy('qubo')),
          way('greedy', chosenBy('greedy')),
          way('least missed one by one', least(costs.single)),
          way('least influence', least(Array.from(costs.cosines, (cosine) => 1 - cosine))),
        ]
        const judged = await judgeWays(ways, { ...given, original: input, heldOut })
        progress.end()
        if (flags.output !== undefined) await writeWithout(input, flags.output, layers, signal)
        printDecision(io, decision)
        io.out(`\nKL divergence on ${heldOut.length} held-out rows, with 95 % intervals:\n${judgedText(judged)}`)
        io.out(`\nWithout layers ${layers.join(', ')}.\n`)
        if (flags.output !== undefined)
          io.out(
            `Wrote ${flags.output}. Heal it: ${pasteable(`qt train --base ${shellWord(flags.output)} --data … --steps 200`)}\n`,
          )
        io.document({
          layers,
          judged: judged.map((one, i) => ({ ...one, layers: ways[i]!.layers })),
          measured: { single: costs.single, pairs: costs.pairs },
          ...(flags.output === undefined ? {} : { output: flags.output }),
          decision: decisionDocument(decision),
        })
        return 0
      } finally {
        progress.end()
        await rm(folder, { recursive: true, force: true })
      }
    })
  },
})
