import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { shellWord, usageError } from '@qt/core'
import type { PruneModelOptions } from '@qt/quantize'
import { defineVerb } from '../args/verb.js'
import { requireModelFile, requireText } from '../calibration.js'
import { engineOptions } from '../engine-flags.js'
import { pasteable } from '../init/command.js'
import { withInterrupt } from '../interrupt.js'
import { judgedText, judgeWays, type Way } from '../judge-ways.js'
import { need } from '../need.js'
import { measureHeads } from '../optimize-heads.js'
import { prepareOutput } from '../prepare-output.js'
import { status } from '../print/status.js'
import { fields } from '../print/units.js'
import { measuringFlags, measuringRows } from '../variant-rows.js'
import { withModel } from '../variants.js'
import { decideOptions } from './optimize-options.js'
import { decisionDocument, decisionFlags, printDecision } from './optimize-report.js'

export const optimizeHeads = defineVerb({
  name: 'optimize heads',
  summary: 'Say which attention heads to leave out of each layer, counting how they act together.',
  details:
    'A head is a key and value head with the query heads that read it; every layer loses as many. Each is silenced by itself and the change of what the model says is measured on one part of the text: half its square is what it costs, and the products of two changes are what the pair costs. Which heads lose least together is a QUBO. Beside it stand the greedy choice, the heads that are least missed one by one, and those that add least, as qt prune has it. All are taken out and measured again on held-out rows. This takes a reading of the text for every head.',
  positionals: [{ name: 'MODEL', description: 'An unquantised GGUF file.', required: true }],
  flags: {
    ...decisionFlags,
    'drop-heads': { type: 'number', value: 'N', description: 'How many to leave out of each layer.', required: true },
    ...measuringFlags,
    output: { type: 'text', value: 'FILE', description: 'Write the model without them.' },
  },
  examples: [
    'qt optimize heads model-f16.gguf --drop-heads 1 --text calibration.txt',
    'qt optimize heads model-f16.gguf --drop-heads 1 --text calibration.txt --held-out test.txt --output smaller.gguf --json',
  ],
  async run({ flags, positionals, io }) {
    const input = positionals[0]!
    const count = flags['drop-heads']
    requireText('optimize heads', flags)
    const engine = engineOptions(flags)
    await requireModelFile(input)
    if (flags.output !== undefined) await prepareOutput(flags.output, [input])
    const { dropHeads, dropHeadsProblem, keptHeads, objectiveOf } = await need(
      '@qt/quantum',
      () => import('@qt/quantum/decisions'),
    )
    const { pruneModel } = await need('@qt/quantize', () => import('@qt/quantize'))
    return withInterrupt(async (signal) => {
      const deciding = await decideOptions(flags, signal)
      const options = { ...engine, signal }
      const progress = status(io)
      const { heldOut, measured } = await withModel(input, options, async (model) => {
        const { kvHeads } = model.spec
        if (!(Number.isInteger(count) && count >= 1 && count < kvHeads))
          throw usageError(
            'PRUNE_COUNT',
            `--drop-heads is ${count}; the layers of this model have ${kvHeads} of key and value.`,
            {
              where: { field: '--drop-heads' },
              actions: [
                kvHeads > 1 ? `Give a whole number from 1 to ${kvHeads - 1}.` : 'Leave out whole layers: qt optimize layers.',
              ],
            },
          )
        return measuringRows(flags, model, input, io.note, signal)
      })
      const folder = await mkdtemp(join(tmpdir(), 'qt-heads-'))
      try {
        const given = { input, folder, rows: measured, options, onProgress: progress.update }
        const { sketches, statistics } = await measureHeads(given)
        const problem = dropHeadsProblem(sketches, count)
        const { keep, decision } = await dropHeads(sketches, { ...deciding, count })
        const write = async (path: string, which: Pick<PruneModelOptions, 'keepHeads' | 'keepKeyHeads'>) => {
          await pruneModel(input, path, { statistics, ...which, signal })
          return (await stat(path)).size
        }
        const way = (name: string, choice: readonly number[]): Way => {
          const keepHeads = keptHeads(sketches, count, choice)
          return {
            name,
            predicted: objectiveOf(problem, choice),
            key: JSON.stringify(keepHeads),
            write: (path) => write(path, { keepHeads }),
          }
        }
        const chosenBy = (method: string) => decision.outcomes.find((one) => one.method === method)!.choice
        const ways: Way[] = [
          way('taken', decision.best.choice),
          way('qubo', chosenBy('qubo')),
          way('greedy', chosenBy('greedy')),
          way('least missed one by one', chosenBy('separable')),
          {
            name: 'what adds least',
            key: 'by what they add',
            write: (path) => write(path, { keepKeyHeads: sketches[0]!.length - count }),
          },
        ]
        const judged = await judgeWays(ways, { ...given, original: input, heldOut })
        progress.end()
        if (flags.output !== undefined) await write(flags.output, { keepHeads: keep })
        printDecision(io, decision)
        io.out(`\nKL divergence on ${heldOut.length} held-out rows, with 95 % intervals:\n${judgedText(judged)}`)
        io.out(`\n${fields(keep.map((heads, layer) => [`layer ${layer} keeps`, `heads ${heads.join(', ')}`]))}`)
        if (flags.output !== undefined)
          io.out(
            `Wrote ${flags.output}. Heal it: ${pasteable(`qt train --base ${shellWord(flags.output)} --data … --steps 200`)}\n`,
          )
        io.document({
          keep,
          judged,
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
