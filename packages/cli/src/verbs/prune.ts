import { usageError } from '@qt/core'
import { defineVerb } from '../args/verb.js'
import { calibrationFlags, calibrationRows, pathFlags, requireModelFile, requireText } from '../calibration.js'
import { engineFlags, engineOptions } from '../engine-flags.js'
import { heal, requireHealable, requireSteps } from '../heal.js'
import { withInterrupt } from '../interrupt.js'
import { need } from '../need.js'
import { prepareOutput } from '../prepare-output.js'
import { status } from '../print/status.js'
import { bytesText, fields } from '../print/units.js'
import { requireAlone } from '../require-alone.js'
import { withModel } from '../variants.js'

export const prune = defineVerb({
  name: 'prune',
  summary: 'Take out of a model what it uses least: layers, channels, heads.',
  details:
    'The model reads the text; the layers that change least what passes through them, and the channels and heads that add least, are ' +
    'left out. Perplexity is measured before and after, on the same text or on --held-out. What is left is an ordinary model, which ' +
    '--heal trains a little.',
  positionals: [
    { name: 'MODEL', description: 'An unquantised GGUF file.', required: true },
    { name: 'OUT', description: 'The GGUF file to write.', required: true },
  ],
  flags: {
    ...calibrationFlags,
    'drop-layers': { type: 'number', value: 'N', description: 'How many layers to leave out.' },
    'keep-channels': { type: 'number', value: 'N', description: 'How many channels of each feed-forward to keep.' },
    'keep-key-heads': {
      type: 'number',
      value: 'N',
      description: 'How many key and value heads to keep in each layer, with the query heads that read them.',
    },
    heal: {
      type: 'number',
      value: 'STEPS',
      description: 'Then train every weight on all of the text for so many steps. Interrupted, the same command goes on.',
    },
    'held-out': {
      type: 'text',
      value: 'PATH',
      many: true,
      description: 'A text (.txt, .md) or data to measure perplexity on, which the model is neither cut nor healed by.',
    },
    ...engineFlags,
  },
  examples: [
    'qt prune model-f16.gguf smaller-f16.gguf --drop-layers 2 --keep-channels 1280 --text calibration.txt',
    'qt prune model-f16.gguf smaller-f16.gguf --drop-layers 2 --data train.jsonl --heal 200 --held-out held-out.jsonl',
  ],
  async run({ flags, positionals, io }) {
    const [input, output] = [positionals[0]!, positionals[1]!]
    requireText('prune', flags)
    if (flags.heal !== undefined) await requireAlone('prune --heal')
    const { 'drop-layers': dropLayers, 'keep-channels': keepChannels, 'keep-key-heads': keepKeyHeads } = flags
    if (dropLayers === undefined && keepChannels === undefined && keepKeyHeads === undefined)
      throw usageError('USAGE_MISSING_FLAG', 'qt prune needs to know what to take out.', {
        actions: ['Add --drop-layers N, --keep-channels N or --keep-key-heads N.'],
      })
    const engine = engineOptions(flags)
    if (flags.heal !== undefined) {
      requireSteps(flags.heal)
      if (flags['held-out'] === undefined)
        throw usageError('USAGE_MISSING_FLAG', '--heal trains on the text, so something else must tell whether it helped.', {
          actions: ['Add --held-out PATH.'],
        })
    }
    await requireModelFile(input)
    await prepareOutput(output, [input])
    const { pruneModel } = await need('@qt/quantize', () => import('@qt/quantize'))
    const { perplexityOfRows } = await need('@qt/eval', () => import('@qt/eval'))
    return withInterrupt(async (signal) => {
      const progress = status(io)
      const options = { ...engine, signal }
      const training = (context: number) => ({
        paths: [...(flags.text ?? []), ...(flags.data ?? [])],
        sequenceLength: flags['row-size'] ?? Math.min(512, context),
      })
      const pruned = () =>
        withModel(input, options, async (model) => {
          const { rows } = await calibrationRows(flags, model, input, io.note, signal)
          const held = flags['held-out'] && pathFlags(flags['held-out'])
          const measured = held ? (await calibrationRows({ ...flags, ...held }, model, input, io.note, signal)).rows : rows
          if (flags.heal !== undefined) await requireHealable(output, training(model.contextLength), model.tokenizer, signal)
          const { perplexity } = await perplexityOfRows(model.scoring, measured, { signal })
          const statistics = await model.statistics.collect(rows, {
            signal,
            onProgress: ({ rows: done }) => progress.update(`reading  row ${done}/${rows.length}`),
          })
          const result = await pruneModel(input, output, { statistics, dropLayers, keepChannels, keepKeyHeads, signal })
          return { measured, result, perplexity, context: model.contextLength }
        })
      const perplexityOf = (rows: readonly Uint32Array[]) =>
        withModel(output, options, async ({ scoring }) => (await perplexityOfRows(scoring, rows, { signal })).perplexity)
      try {
        const { measured, result, perplexity, context } = await pruned()
        const cut = await perplexityOf(measured)
        progress.end()
        const lowest = [...result.influence.entries()].sort(([, a], [, b]) => a - b).slice(0, 5)
        io.out(
          fields([
            ['size', `${bytesText(result.bytesBefore)} → ${bytesText(result.bytesAfter)}`],
            ['layers left out', result.droppedLayers.join(', ') || 'none'],
            ...(result.channels ? [['channels', `${result.channels.before} → ${result.channels.after}`]] : []),
            ...(result.heads ? [['heads', `${result.heads.before} → ${result.heads.after}`]] : []),
            ['least influence', lowest.map(([layer, value]) => `layer ${layer}: ${value.toFixed(4)}`).join(', ')],
            ['perplexity', `${perplexity.toFixed(3)} → ${cut.toFixed(3)}`],
          ]),
        )
        let healed: number | undefined
        if (flags.heal === undefined) io.out(`Wrote ${output}. Heal it: the same command with --heal 200 --held-out PATH\n`)
        else {
          await heal(output, { ...training(context), steps: flags.heal, engine }, io, signal)
          healed = await perplexityOf(measured)
          io.out(`${fields([['healed', `perplexity ${healed.toFixed(3)} after ${flags.heal} steps`]])}Wrote ${output}.\n`)
        }
        io.document({ output, ...result, perplexity: { before: perplexity, after: cut, healed } })
        return 0
      } finally {
        progress.end()
      }
    })
  },
})
