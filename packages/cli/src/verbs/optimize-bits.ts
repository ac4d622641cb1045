import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TensorType, usageError } from '@qt/core'
import type { SizePlan } from '@qt/quantize'
import { sizeOf } from '../args/size.js'
import { defineVerb } from '../args/verb.js'
import { engineOptions } from '../engine-flags.js'
import { withInterrupt } from '../interrupt.js'
import { judgedText, judgeWays } from '../judge-ways.js'
import { need } from '../need.js'
import { decideBits, type Sketches } from '../optimize-bits.js'
import { prepareOutput } from '../prepare-output.js'
import { status } from '../print/status.js'
import { bytesText, fields } from '../print/units.js'
import { withGguf } from '../quantize-source.js'
import { localPath } from '../resolve.js'
import { measuringFlags, measuringRows } from '../variant-rows.js'
import { withModel } from '../variants.js'
import { decideOptions } from './optimize-options.js'
import { decisionDocument, decisionFlags, printDecision } from './optimize-report.js'

/** What is measured in reasonable time; without a text nothing has to be loaded, and qt quantize's own list is used. */
const usualTypes: readonly TensorType[] = ['Q8_0', 'Q6_K', 'Q5_K', 'Q4_K', 'Q3_K']

export const optimizeBits = defineVerb({
  name: 'optimize bits',
  summary: 'Choose a type for every tensor under a size, counting how they act together.',
  details:
    'With --text, each tensor is quantised as each type by itself and the change of what the model says is measured: half its square is what it costs, and the products of two changes are what the pair costs. The choice is made as a QUBO and beside it greedily, exactly without pairs (dynamic programming) and by errors of weights as qt quantize --max-size does; all are written, measured again on held-out rows and compared with confidence intervals. This takes a load and a reading of the text for every tensor and type. Without --text, costs are errors of weights, each tensor counting what is usual; nothing depends on pairs then, and the plan is exact.',
  positionals: [
    { name: 'IN', description: 'An unquantised GGUF file, a Hugging Face folder, or a hub id (owner/name).', required: true },
  ],
  flags: {
    ...decisionFlags,
    'max-size': {
      type: 'text',
      value: 'SIZE',
      many: true,
      description:
        'The most the file may take: 2GB, 2GiB, 700MB; of several sizes each is decided, and the changes are measured once.',
      required: true,
    },
    types: {
      type: 'text',
      value: 'LIST',
      description: `Types to choose among; left out: ${usualTypes.join(',')}, and without --text those down to IQ2_XS.`,
    },
    imatrix: {
      type: 'text',
      value: 'FILE',
      many: true,
      description: 'An importance matrix (GGUF or .dat); several are added up.',
    },
    ...measuringFlags,
    output: { type: 'text', value: 'FILE', description: 'Write the model as planned.' },
  },
  examples: [
    'qt optimize bits model-f16.gguf --max-size 700MB --text calibration.txt --output small.gguf',
    'qt optimize bits model-f16.gguf --max-size 700MB --text calibration.txt --held-out test.txt --types Q6_K,Q4_K,Q3_K --json',
    'qt optimize bits model-f16.gguf --max-size 700MB --max-size 900MB --text calibration.txt',
    'qt optimize bits model-f16.gguf --max-size 700MB --imatrix imatrix.gguf',
  ],
  async run({ flags, positionals, io }) {
    const sizes = flags['max-size'].map((size) => sizeOf('max-size', size))
    if (sizes.length > 1 && flags.output !== undefined)
      throw usageError('USAGE_BAD_VALUE', 'There are several sizes, and --output is one file.', {
        actions: ['Give one --max-size, or leave out --output.'],
      })
    const engine = engineOptions(flags)
    const { mergeImportance, planQuantization, quantize, quantMethods, readImportance } = await need(
      '@qt/quantize',
      () => import('@qt/quantize'),
    )
    const asked = typesIn(
      flags.types,
      quantMethods.map(({ type }) => type),
    )
    const reads = flags.text !== undefined || flags.data !== undefined
    const matrices = await Promise.all((flags.imatrix ?? []).map(readImportance))
    const importance = matrices.length === 0 ? undefined : mergeImportance(matrices)
    return withInterrupt(async (signal) => {
      const decide = await decideOptions(flags, signal)
      const path = await localPath(positionals[0]!, io, signal)
      if (flags.output !== undefined) await prepareOutput(flags.output, [path])
      const base = flags.output === undefined ? tmpdir() : dirname(flags.output)
      return withGguf(path, base, io, signal, async (input) => {
        // Refuses what is quantised already, before anything is measured.
        await planQuantization(input, { type: 'Q8_0', importance })
        const options = { ...engine, signal }
        const rows = reads
          ? await withModel(input, options, (model) => measuringRows(flags, model, input, io.note, signal))
          : undefined
        const folder = await mkdtemp(join(tmpdir(), 'qt-bits-'))
        const progress = status(io)
        try {
          const given = {
            input,
            folder,
            types: asked ?? (reads ? usualTypes : undefined),
            importance,
            decide,
            options,
            rows: rows?.measured,
            measured: new Map<string, Sketches>(),
            onProgress: progress.update,
          }
          const documents = []
          for (const bytes of sizes) {
            const { plan, decision, ways } = await decideBits({ ...given, bytes })
            const judged = rows ? await judgeWays(ways, { ...given, original: input, heldOut: rows.heldOut }) : undefined
            progress.end()
            if (flags.output !== undefined) await quantize(input, flags.output, { types: plan.types, importance, signal })
            if (sizes.length > 1) io.out(`${documents.length === 0 ? '' : '\n'}At most ${bytes} bytes:\n`)
            printDecision(io, decision)
            if (judged)
              io.out(`\nKL divergence on ${rows!.heldOut.length} held-out rows, with 95 % intervals:\n${judgedText(judged)}`)
            io.out(`\n${fields([['file', `${plan.fileBytes} bytes (${bytesText(plan.fileBytes)})`], ...countsOf(plan)])}`)
            if (flags.output !== undefined) io.out(`\nWrote ${flags.output}.\n`)
            documents.push({
              types: Object.fromEntries(plan.types),
              fileBytes: plan.fileBytes,
              ...(judged ? { judged } : {}),
              ...(flags.output === undefined ? {} : { output: flags.output }),
              decision: decisionDocument(decision),
            })
          }
          io.document(
            documents.length === 1 ? documents[0]! : { sizes: documents.map((one, k) => ({ maxSize: sizes[k]!, ...one })) },
          )
          return 0
        } finally {
          progress.end()
          await rm(folder, { recursive: true, force: true })
        }
      })
    })
  },
})

function typesIn(text: string | undefined, known: readonly TensorType[]): TensorType[] | undefined {
  return text?.split(',').map((word) => {
    const found = known.find((type) => type === word.trim().toUpperCase())
    if (found) return found
    throw usageError('USAGE_BAD_VALUE', `--types is "${text}": there is no type "${word}" to quantise to.`, {
      actions: [`Use some of ${known.join(', ')}.`],
    })
  })
}

/** How many tensors get which type. */
function countsOf({ types }: SizePlan): string[][] {
  const counts = new Map<string, number>()
  for (const type of types.values()) counts.set(type, (counts.get(type) ?? 0) + 1)
  return [...counts].map(([type, count]) => [type, `${count} ${count === 1 ? 'tensor' : 'tensors'}`])
}
