import { usageError } from '@qt/core'
import { defineVerb } from '../args/verb.js'
import { calibrationFlags, calibrationRows, requireText } from '../calibration.js'
import { withInterrupt } from '../interrupt.js'
import { loadFlags, loadModel } from '../model-flags.js'
import { need } from '../need.js'
import { prepareOutput } from '../prepare-output.js'
import { status } from '../print/status.js'
import { durationText } from '../print/units.js'

/** Flags of no effect where nothing is read. */
const ofReading = [
  'row-size',
  'rows',
  'process-output',
  'adapter',
  'threads',
  'device',
  'context-length',
  'precision',
  'kv-cache',
] as const

export const imatrix = defineVerb({
  name: 'imatrix',
  summary: 'Compute an importance matrix: what matters in a model, for qt quantize.',
  details:
    'The model reads the text; for every column of every matrix the squares of its inputs are summed up. The file is that of ' +
    'llama-imatrix, and llama.cpp reads it. Use the unquantised model and text like that which it will see. Matrices that are there ' +
    'already (--in-file) are added up with it; without a text they are only merged, or written in the other form.',
  positionals: [{ name: 'MODEL', description: 'A GGUF file, a Hugging Face folder, or a hub id; the same as --model.' }],
  flags: {
    ...loadFlags,
    ...calibrationFlags,
    output: { type: 'text', value: 'FILE', description: 'Where to write it (default imatrix.gguf; the older form as .dat).' },
    'in-file': {
      type: 'text',
      value: 'FILE',
      many: true,
      description: 'An importance matrix of the same model (GGUF or .dat) to begin with.',
    },
    'process-output': { type: 'boolean', description: 'Of output.weight as well.' },
  },
  examples: [
    'qt imatrix model-f16.gguf --text calibration.txt --output imatrix.gguf',
    'qt imatrix --model model-f16.gguf --data scenarios/ --rows 200',
    'qt imatrix --in-file code.gguf --in-file chat.dat --output both.gguf',
  ],
  async run({ flags, positionals, io }) {
    const { text, data, 'in-file': inFiles = [], output = 'imatrix.gguf' } = flags
    const base = flags.model ?? positionals[0]
    const onlyMerge = inFiles.length > 0 && text === undefined && data === undefined
    if (!onlyMerge) requireText('imatrix', flags)
    if (onlyMerge && base !== undefined)
      throw usageError('USAGE_MISSING_FLAG', `Without a text ${base} is not asked anything.`, {
        actions: ['Add --text FILE or --data PATH.', 'Or leave out the model to merge what --in-file names.'],
      })
    const idle = ofReading.find((name) => flags[name] !== undefined)
    if (onlyMerge && idle !== undefined)
      throw usageError('USAGE_MISSING_FLAG', `--${idle} says how a text is read, and there is none.`, {
        where: { field: `--${idle}` },
        actions: ['Add a model and --text FILE or --data PATH.', `Or leave out --${idle} to merge what --in-file names.`],
      })
    const { collectImportance, mergeImportance, readImportance, requireSameWeights, writeImportance } = await need(
      '@qt/quantize',
      () => import('@qt/quantize'),
    )
    await prepareOutput(output, [...(base === undefined ? [] : [base]), ...inFiles])
    const parts = await Promise.all(inFiles.map(readImportance))
    const before = mergeImportance(parts)
    if (onlyMerge) {
      await writeImportance(output, before)
      io.out(`Wrote ${output}: ${before.entries.size} matrices, from ${inFiles.join(', ')}.\n`)
      io.document({ output, matrices: before.entries.size, merged: inFiles, datasets: before.datasets })
      return 0
    }
    return withInterrupt(async (signal) => {
      const model = await loadModel(flags, positionals, { signal })
      const progress = status(io)
      const started = performance.now()
      try {
        if (parts.length > 0) {
          const { inputs } = await model.statistics.collect([[0]], { output: true, signal })
          for (const [i, part] of parts.entries()) requireSameWeights(part, inputs, inFiles[i]!)
        }
        const { rows, datasets } = await calibrationRows(flags, model, base ?? model.name, io.note, signal)
        const collected = await collectImportance(model, rows, {
          datasets,
          output: flags['process-output'],
          signal,
          onProgress: ({ rows: done, tokens }) => progress.update(`row ${done}/${rows.length}  ${tokens} tokens`),
        })
        const importance = mergeImportance([before, collected])
        await writeImportance(output, importance)
        progress.end()
        const seconds = (performance.now() - started) / 1000
        const tokens = rows.reduce((sum, { length }) => sum + length, 0)
        const matrices = importance.entries.size
        const added = inFiles.length > 0 ? ` added to ${inFiles.join(', ')}` : ''
        io.out(
          `Wrote ${output}: ${matrices} matrices, from ${tokens} tokens in ${rows.length} rows${added}, in ${durationText(seconds)}.\n`,
        )
        io.document({
          ...{ output, matrices, rows: rows.length, tokens, datasets: importance.datasets },
          ...(inFiles.length > 0 ? { merged: inFiles } : {}),
          seconds,
        })
        return 0
      } finally {
        progress.end()
        await model.close()
      }
    })
  },
})
