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
    'llama-imatrix, and llama.cpp reads it. Use the unquantised model and text like that which it will see.',
  positionals: [{ name: 'MODEL', description: 'A GGUF file or a Hugging Face folder; the same as --model.' }],
  flags: {
    ...loadFlags,
    ...calibrationFlags,
    output: { type: 'text', value: 'FILE', description: 'Where to write it (default imatrix.gguf; the older form as .dat).' },
    'process-output': { type: 'boolean', description: 'Of output.weight as well.' },
  },
  examples: [
    'qt imatrix model-f16.gguf --text calibration.txt --output imatrix.gguf',
    'qt imatrix --model model-f16.gguf --data scenarios/ --rows 200',
  ],
  async run({ flags, positionals, io }) {
    requireText('imatrix', flags)
    const { collectImportance, writeImportance } = await need('@qt/quantize', () => import('@qt/quantize'))
    const output = flags.output ?? 'imatrix.gguf'
    const base = flags.model ?? positionals[0]
    if (base !== undefined && resolve(base) === resolve(output))
      throw usageError('OUTPUT_IS_INPUT', `${output} is the model that is to be read.`, {
        where: { field: '--output' },
        actions: ['Give the importance matrix a name of its own.'],
      })
    return withInterrupt(async (signal) => {
      const model = await loadModel(flags, positionals, { signal })
      const progress = status(io)
      const started = performance.now()
      try {
        const { rows, datasets } = await calibrationRows(flags, model, base ?? model.name, io.note, signal)
        const importance = await collectImportance(model, rows, {
          datasets,
          output: flags['process-output'],
          signal,
          onProgress: ({ rows: done, tokens }) => progress.update(`row ${done}/${rows.length}  ${tokens} tokens`),
        })
        await writeImportance(output, importance)
        progress.end()
        const seconds = (performance.now() - started) / 1000
        const tokens = rows.reduce((sum, { length }) => sum + length, 0)
        io.out(
          `Wrote ${output}: ${importance.entries.size} matrices, from ${tokens} tokens in ${rows.length} rows, in ${durationText(seconds)}.\n`,
        )
        io.document({ output, matrices: importance.entries.size, rows: rows.length, tokens, datasets, seconds })
        return 0
      } finally {
        progress.end()
        await model.close()
      }
    })
  },
})
