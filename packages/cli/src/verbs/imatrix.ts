import { resolve } from 'node:path'
import { usageError } from '@qt/core'
import { defineVerb } from '../args/verb.js'
import { calibrationFlags, calibrationRows, requireText } from '../calibration.js'
import { withInterrupt } from '../interrupt.js'
import { loadFlags, loadModel } from '../model-flags.js'
import { need } from '../need.js'
import { status } from '../print/status.js'
import { durationText } from '../print/units.js'

export const imatrix = defineVerb({
  name: 'imatrix',
  summary: 'Compute an importance matrix: what matters in a model, for qt quantize.',
  details:
    'The model reads the text; for every column of every matrix the squares of its inputs are summed up. The file is that of ' +
    'llama-imatrix, and llama.cpp reads it. Use the unquantised model and text like that which it will see. Matrices that are there ' +
    'already (--in-file) are added up with it; without a text they are only merged, or written in the other form.',
  positionals: [{ name: 'MODEL', description: 'A GGUF file or a Hugging Face folder; the same as --model.' }],
  flags: {
    ...loadFlags,
    ...calibrationFlags,
    output: { type: 'text', value: 'FILE', description: 'Where to write it (default imatrix.gguf; the older form as .dat).' },
    'in-file': {
      type: 'text',
      value: 'FILE',
      many: true,
      description: 'An importance matrix of the same model (GGUF or .dat) to begin with; may be repeated.',
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
    const { collectImportance, mergeImportance, readImportance, writeImportance } = await need(
      '@qt/quantize',
      () => import('@qt/quantize'),
    )
    if (base !== undefined && resolve(base) === resolve(output))
      throw usageError('OUTPUT_IS_INPUT', `${output} is the model that is to be read.`, {
        where: { field: '--output' },
        actions: ['Give the importance matrix a name of its own.'],
      })
    const before = await Promise.all(inFiles.map(readImportance))
    if (onlyMerge) {
      const merged = mergeImportance(before)
      await writeImportance(output, merged)
      io.out(`Wrote ${output}: ${merged.entries.size} matrices, from ${inFiles.join(', ')}.\n`)
      io.document({ output, matrices: merged.entries.size, datasets: merged.datasets })
      return 0
    }
    return withInterrupt(async (signal) => {
      const model = await loadModel(flags, positionals, { signal })
      const progress = status(io)
      const started = performance.now()
      try {
        const { rows, datasets } = await calibrationRows(flags, model, base ?? model.name, io.note, signal)
        const collected = await collectImportance(model, rows, {
          datasets,
          output: flags['process-output'],
          signal,
          onProgress: ({ rows: done, tokens }) => progress.update(`row ${done}/${rows.length}  ${tokens} tokens`),
        })
        const importance = mergeImportance([...before, collected])
        await writeImportance(output, importance)
        progress.end()
        const seconds = (performance.now() - started) / 1000
        const tokens = rows.reduce((sum, { length }) => sum + length, 0)
        io.out(
          `Wrote ${output}: ${importance.entries.size} matrices, from ${tokens} tokens in ${rows.length} rows, in ${durationText(seconds)}.\n`,
        )
        io.document({
          ...{ output, matrices: importance.entries.size, rows: rows.length, tokens, datasets: importance.datasets },
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
