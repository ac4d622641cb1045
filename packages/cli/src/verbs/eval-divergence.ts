import { defineVerb } from '../args/verb.js'
import { calibrationFlags, requireText } from '../calibration.js'
import { engineFlags, engineOptions } from '../engine-flags.js'
import { withInterrupt } from '../interrupt.js'
import { need } from '../need.js'
import { prepareOutput } from '../prepare-output.js'
import { fields } from '../print/units.js'
import { comparedRows, qualityLines, qualityOf, saveReport } from '../quantize-report.js'

export const evalDivergence = defineVerb({
  name: 'eval divergence',
  summary: 'Compare a quantised model with its original.',
  details:
    'How far the probabilities of the next token lie apart on a text (KL divergence), how often both find the same token likeliest, ' +
    'both perplexities, and the error of every tensor. Both are GGUF files.',
  positionals: [
    { name: 'ORIGINAL', description: 'The GGUF file that was quantised.', required: true },
    { name: 'QUANTISED', description: 'What came out.', required: true },
  ],
  flags: {
    ...calibrationFlags,
    imatrix: { type: 'text', value: 'FILE', description: 'Also weigh the errors of tensors by this importance matrix.' },
    report: { type: 'text', value: 'FILE', description: 'Write everything to a page (.html) or as .json.' },
    ...engineFlags,
  },
  examples: ['qt eval divergence model-f16.gguf model-q4_k_m.gguf --text held-out.txt --report report.html'],
  async run({ flags, positionals, io }) {
    const [original, quantised] = [positionals[0]!, positionals[1]!]
    requireText('eval divergence', flags)
    const engine = engineOptions(flags)
    const { readImportance } = await need('@qt/quantize', () => import('@qt/quantize'))
    const { readWholeGguf } = await need('@qt/weights', () => import('@qt/weights'))
    return withInterrupt(async (signal) => {
      const tensorsOf = async (path: string) => [...(await readWholeGguf(path)).tensors.values()]
      const [before, after] = [await tensorsOf(original), await tensorsOf(quantised)]
      const matrices = after.filter(({ shape }) => shape.length > 1)
      const bytesOf = (tensors: typeof before) => tensors.reduce((sum, { bytes }) => sum + bytes, 0)
      const { report: file } = flags
      if (file !== undefined) await prepareOutput(file, [original, quantised, ...(flags.text ?? []), ...(flags.data ?? [])])
      const compared = await comparedRows(flags, { original, engine, io, signal })
      const report = await qualityOf(
        {
          original,
          originalName: original,
          quantised,
          type: [...new Set(matrices.map(({ type }) => type))].join(', '),
          bytes: { original: bytesOf(before), quantised: bytesOf(after) },
          importance: flags.imatrix === undefined ? undefined : await readImportance(flags.imatrix),
          compared,
          engine,
        },
        io,
        signal,
      )
      if (file !== undefined) await saveReport(file, report)
      io.out(fields(qualityLines(report)))
      io.document(report)
      return 0
    })
  },
})
