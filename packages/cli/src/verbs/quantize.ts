import { randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { tensorTypeNames, usageError } from '@qt/core'
import { sizeOf } from '../args/size.js'
import { defineVerb } from '../args/verb.js'
import { withInterrupt } from '../interrupt.js'
import type { Io } from '../io.js'
import { need } from '../need.js'
import { status } from '../print/status.js'
import { bytesText, durationText, fields } from '../print/units.js'
import { localPath } from '../resolve.js'

export const quantize = defineVerb({
  name: 'quantize',
  summary: 'Make a model smaller.',
  details:
    'IN is a GGUF file or a Hugging Face folder, which is converted on the way. Every matrix gets the type; the bytes are those of llama.cpp. Give --type, --max-size or both.',
  positionals: [
    { name: 'IN', description: 'A GGUF file, a Hugging Face folder, or a hub id (owner/name).', required: true },
    { name: 'OUT', description: 'The GGUF file to write.', required: true },
  ],
  flags: {
    type: {
      type: 'text',
      value: 'TYPE',
      description: 'F16, BF16, Q8_0, Q5_1, Q5_0, Q4_1 or Q4_0; left out: the most precise one that fits --max-size.',
    },
    'max-size': { type: 'text', value: 'SIZE', description: 'The most the file may take: 2GB (10⁹ bytes), 2GiB (2³⁰), 700MB.' },
    threads: { type: 'number', value: 'N', description: 'Left out: as many as the process may use. The bytes are the same.' },
    'allow-requantize': { type: 'boolean', description: 'Also quantise what is quantised already, which loses precision twice.' },
    'dry-run': { type: 'boolean', description: 'Write nothing; show what every tensor would become, and the size.' },
  },
  examples: [
    'qt quantize model-f16.gguf model-q4_0.gguf --type Q4_0',
    'qt quantize merged/ model.gguf --max-size 2GB',
    'qt quantize model-f16.gguf model.gguf --max-size 700MB --dry-run',
  ],
  async run({ flags, positionals, io }) {
    const [reference, output] = [positionals[0]!, positionals[1]!]
    const maxBytes = flags['max-size'] === undefined ? undefined : sizeOf('max-size', flags['max-size'])
    const type = typeNamed(flags.type)
    if (type === undefined && maxBytes === undefined)
      throw usageError('USAGE_MISSING_FLAG', 'qt quantize needs --type, --max-size or both.', {
        actions: ['Add --type Q8_0 (nearly lossless) or --type Q4_0 (small).', 'Or add --max-size 2GB.'],
      })
    const options = { type, maxBytes, requantize: flags['allow-requantize'] ?? false }
    const dry = flags['dry-run'] ?? false
    const { planQuantization, quantize } = await need('@qt/quantize', () => import('@qt/quantize'))
    return withInterrupt(async (signal) => {
      const path = await localPath(reference, io, signal)
      const folder = dry ? tmpdir() : dirname(output)
      return withGguf(path, folder, io, signal, async (input) => {
        const plan = await planQuantization(input, options)
        if (dry) {
          io.out(
            fields(plan.tensors.map(({ name, from, to, bytes }) => [name, from, from === to ? '' : `→ ${to}`, bytesText(bytes)])),
          )
          io.out(`\n${plan.type}: ${plan.fileBytes} bytes (${bytesText(plan.fileBytes)}). Nothing was written.\n`)
          io.document({ ...plan, dryRun: true })
          return 0
        }
        const progress = status(io)
        const started = performance.now()
        let [tensors, bytes] = [0, 0]
        const result = await quantize(input, output, {
          ...options,
          threads: flags.threads,
          signal,
          onWarning: (message) => progress.line(`warning: ${message}`),
          onTensor: (tensor) => {
            tensors++
            bytes += tensor.bytes
            const percent = Math.floor((100 * bytes) / plan.bytesAfter)
            progress.update(`${plan.type}  ${percent} %  ${tensors}/${plan.tensors.length} tensors  ${tensor.name}`)
          },
        })
        const seconds = (performance.now() - started) / 1000
        progress.end()
        const ratio = (100 * result.bytesAfter) / result.bytesBefore
        io.out(
          `Wrote ${output}: ${result.type}, ${bytesText(result.fileBytes)}, ${ratio.toFixed(1)} % of before, in ${durationText(seconds)}.\n`,
        )
        io.document({ ...result, seconds })
        return 0
      })
    })
  },
})

/** A type by its name in any case; what there is no method for is refused by the quantiser, which knows what is near. */
const typeNamed = (text: string | undefined) =>
  text === undefined ? undefined : (tensorTypeNames.find((name) => name === text.toUpperCase()) ?? unknownType(text))

function unknownType(text: string): never {
  throw usageError('QUANT_TYPE_UNKNOWN', `There is no quantisation type ${text}.`, {
    where: { field: '--type' },
    actions: ['Use F16, BF16, Q8_0, Q5_1, Q5_0, Q4_1 or Q4_0.', 'Mixtures such as Q4_K_M are not made yet.'],
  })
}

/** The model as a GGUF file: itself, or a folder converted without loss into a temporary one. */
async function withGguf<T>(
  path: string,
  folder: string,
  io: Io,
  signal: AbortSignal,
  work: (input: string) => Promise<T>,
): Promise<T> {
  if (
    !(await stat(path).then(
      (found) => found.isDirectory(),
      () => false,
    ))
  )
    return work(path)
  const { convert, inspect } = await need('@qt/weights', () => import('@qt/weights'))
  await mkdir(folder, { recursive: true })
  const temporary = await mkdtemp(join(folder, '.qt-quantize-'))
  try {
    const { totals, bytes } = await inspect(path)
    const exact = (totals.F32?.bytes ?? 0) > bytes / 2 ? 'F32' : undefined
    const input = join(temporary, `${randomUUID()}.gguf`)
    const progress = status(io)
    await convert(path, input, {
      type: exact,
      signal,
      onProgress: ({ tensor, done, total }) => progress.update(`converting  ${done}/${total} tensors  ${tensor}`),
    })
    progress.end()
    return await work(input)
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}
