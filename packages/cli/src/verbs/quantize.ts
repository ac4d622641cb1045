import { tmpdir } from 'node:os'
import { dirname } from 'node:path'
import { usageError } from '@qt/core'
import { defineVerb } from '../args/verb.js'
import { calibrationFlags } from '../calibration.js'
import { engineFlags, engineOptions } from '../engine-flags.js'
import { withInterrupt } from '../interrupt.js'
import { need } from '../need.js'
import { prepareOutput } from '../prepare-output.js'
import { frontierText } from '../print/frontier.js'
import { status } from '../print/status.js'
import { bytesText, durationText, fields } from '../print/units.js'
import { planFlags, planOptionsOf } from '../quantize-flags.js'
import { comparedRows, qualityLines, qualityOf, saveReport } from '../quantize-report.js'
import { planSize } from '../quantize-size.js'
import { withGguf } from '../quantize-source.js'
import { localPath } from '../resolve.js'

export const quantize = defineVerb({
  name: 'quantize',
  summary: 'Make a model smaller.',
  details:
    'IN is a GGUF file (or the first part of a split one) or a Hugging Face folder, which is converted on the way. Types, mixtures and bytes are those of llama.cpp. Give --type, --max-size or both; with --max-size alone the best type is found for every tensor, from what it would lose.',
  positionals: [
    { name: 'IN', description: 'A GGUF file, a Hugging Face folder, or a hub id (owner/name).', required: true },
    { name: 'OUT', description: 'The GGUF file to write.', required: true },
  ],
  flags: {
    ...planFlags,
    method: {
      type: 'text',
      value: 'MODULE',
      description: 'A quantisation method of yours: the path of a JavaScript file, or a package.',
    },
    threads: { type: 'number', value: 'N', description: 'Left out: as many as the process may use. The bytes are the same.' },
    device: {
      ...engineFlags.device,
      description: 'Where the model is asked, for --sensitivity and --report: cpu, cuda, cuda:1 (default cpu).',
    },
    'no-sync': {
      type: 'boolean',
      description: 'Do not wait until the disk has the file: faster, but a power failure may lose it.',
    },
    report: {
      type: 'text',
      value: 'FILE',
      description: 'Compare the result with the original and write a page (.html) or .json.',
    },
    ...calibrationFlags,
    sensitivity: {
      type: 'text',
      value: 'PATH',
      description:
        'A text (.txt, .md) or training data, not that of --text: --max-size is then planned by how far an error of each tensor moves the answers on it (KL divergence). One run of the model for each tensor.',
    },
    'dry-run': { type: 'boolean', description: 'Write nothing; show what every tensor would become, and the size.' },
  },
  examples: [
    'qt quantize model-f16.gguf model-q4_k_m.gguf --type Q4_K_M',
    'qt quantize merged/ model.gguf --max-size 2GB',
    'qt quantize model-f16.gguf model.gguf --type Q3_K_M --imatrix imatrix.gguf',
    'qt quantize model-f16.gguf model.gguf --type Q4_K_M --tensor-type ffn_down=Q6_K --token-embedding-type Q8_0',
    'qt quantize model-f16.gguf model.gguf --max-size 700MB --imatrix imatrix.gguf --dry-run',
    'qt quantize model-f16.gguf model.gguf --max-size 700MB --imatrix imatrix.gguf --sensitivity calibration.txt',
    'qt quantize model-f16.gguf model.gguf --profile mobile --report report.html --text held-out.txt',
  ],
  async run({ flags, positionals, io }) {
    const [reference, output] = [positionals[0]!, positionals[1]!]
    const asked = await planOptionsOf(flags)
    if (asked.type === undefined && asked.maxBytes === undefined && flags.method === undefined)
      throw usageError('USAGE_MISSING_FLAG', 'qt quantize needs --type, --max-size or both.', {
        actions: ['Add --type Q8_0 (nearly lossless) or --type Q4_K_M (small).', 'Or add --max-size 2GB, or --profile mobile.'],
      })
    const dry = flags['dry-run'] ?? false
    if (dry && flags.report !== undefined)
      throw usageError('USAGE_BAD_VALUE', '--dry-run writes nothing that --report could compare.', {
        where: { field: '--report' },
        actions: ['Leave out one of them.'],
      })
    const planned = flags.method === undefined && asked.type === undefined && !asked.pure
    if (flags.sensitivity !== undefined && !planned)
      throw usageError('USAGE_BAD_VALUE', '--sensitivity is for a size that is planned tensor by tensor.', {
        where: { field: '--sensitivity' },
        actions: ['Give --max-size without --type, --pure and --method.', 'Or leave out --sensitivity.'],
      })
    if (flags.imatrix === undefined && (flags['include-weights'] || flags['exclude-weights']))
      throw usageError('USAGE_MISSING_FLAG', '--include-weights and --exclude-weights choose from an importance matrix.', {
        actions: ['Add --imatrix FILE, or leave them out.'],
      })
    if (flags.report === undefined && (flags.text || flags.data))
      throw usageError('USAGE_MISSING_FLAG', '--text and --data say on what to compare, for --report.', {
        actions: ['Add --report report.html.'],
      })
    const engine = engineOptions(flags)
    if (flags.device !== undefined && flags.sensitivity === undefined && !(flags.text || flags.data))
      throw usageError('USAGE_BAD_VALUE', 'Quantising is done on the processor; --device says where the model is asked.', {
        where: { field: '--device' },
        actions: ['Leave out --device.', 'Or ask the model: --sensitivity PATH, or --report FILE with --text.'],
      })
    if (flags.report !== undefined && flags['prune-layers'] !== undefined)
      throw usageError('USAGE_BAD_VALUE', '--report compares layer by layer, and --prune-layers leaves some out.', {
        where: { field: '--report' },
        actions: ['Leave out --report, and compare the files with qt eval perplexity.'],
      })
    const { loadQuantMethod, mergeImportance, planQuantization, quantize, readImportance } = await need(
      '@qt/quantize',
      () => import('@qt/quantize'),
    )
    const matrices = await Promise.all((flags.imatrix ?? []).map(readImportance))
    const importance = matrices.length === 0 ? undefined : mergeImportance(matrices)
    const method = flags.method === undefined ? undefined : await loadQuantMethod(flags.method)
    return withInterrupt(async (signal) => {
      const path = await localPath(reference, io, signal)
      const folder = dry ? tmpdir() : dirname(output)
      return withGguf(path, folder, io, signal, async (input) => {
        // What the report needs at the end is read, or refused, before the work.
        if (flags.report !== undefined)
          await prepareOutput(flags.report, [path, output, ...(flags.text ?? []), ...(flags.data ?? [])])
        const compared = await comparedRows(flags, { original: input, engine, io, signal })
        const asks = { ...asked, importance }
        const { sensitivity, rows, 'row-size': rowSize } = flags
        const measure = sensitivity === undefined ? undefined : { path: sensitivity, rows, rowSize, engine }
        const sized = method || asked.type !== undefined ? undefined : await planSize(input, asks, io, signal, measure)
        const options = sized ? { ...asks, types: sized.types } : asks
        const plan = await planQuantization(
          input,
          method && asked.type === undefined ? { ...options, method, type: method.type, pure: true } : { ...options, method },
        )
        const own = plan.tensors.some(({ to }) => to === 'OWN') ? method : undefined
        const kind = own?.name ?? (sized ? 'planned' : plan.type)
        if (own && flags.report !== undefined)
          throw usageError(
            'USAGE_BAD_VALUE',
            `--report reads the result, and a file in the format ${own.name} is read by its method only.`,
            {
              where: { field: '--report' },
              actions: [
                'Leave out --report, let the method turn the file back (--type F32), and compare with qt eval divergence.',
              ],
            },
          )
        if (sized) io.out(`${frontierText(sized.frontier, { bytes: sized.fileBytes, cost: sized.cost })}\n`)
        if (dry) {
          io.out(
            fields(plan.tensors.map(({ name, from, to, bytes }) => [name, from, from === to ? '' : `→ ${to}`, bytesText(bytes)])),
          )
          io.out(`\n${kind}: ${plan.fileBytes} bytes (${bytesText(plan.fileBytes)}). Nothing was written.\n`)
          io.document({ ...plan, dryRun: true, frontier: sized?.frontier })
          return 0
        }
        const progress = status(io)
        const started = performance.now()
        let [tensors, bytes] = [0, 0]
        const result = await quantize(input, output, {
          ...options,
          method,
          threads: flags.threads,
          sync: !flags['no-sync'],
          signal,
          onWarning: (message) => progress.line(`warning: ${message}`),
          onTensor: (tensor) => {
            tensors++
            bytes += tensor.bytes
            const percent = Math.floor((100 * bytes) / plan.bytesAfter)
            progress.update(`${kind}  ${percent} %  ${tensors}/${plan.tensors.length} tensors  ${tensor.name}`)
          },
        })
        const seconds = (performance.now() - started) / 1000
        progress.end()
        const ratio = (100 * result.bytesAfter) / result.bytesBefore
        io.out(
          `Wrote ${result.outputs.join(', ')}: ${kind}, ${bytesText(result.fileBytes)}, ${ratio.toFixed(1)} % of before, in ${durationText(seconds)}.\n`,
        )
        const quality =
          flags.report === undefined
            ? undefined
            : await qualityOf(
                {
                  original: input,
                  originalName: path,
                  quantised: result.output,
                  type: sized ? [...new Set(sized.types.values())].join(', ') : plan.type,
                  bytes: { original: result.bytesBefore, quantised: result.bytesAfter },
                  importance,
                  plan: sized,
                  compared,
                  engine,
                },
                io,
                signal,
              )
        if (quality && flags.report !== undefined) {
          await saveReport(flags.report, quality)
          io.out(`${fields(qualityLines(quality))}Report: ${flags.report}\n`)
        }
        const peakBytes = process.resourceUsage().maxRSS * 1024
        io.document({ ...result, seconds, peakBytes, frontier: sized?.frontier, quality })
        return 0
      })
    })
  },
})
