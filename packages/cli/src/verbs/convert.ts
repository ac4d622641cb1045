import { usageError } from '@qt/core'
import { defineVerb } from '../args/verb.js'
import { withInterrupt } from '../interrupt.js'
import { need } from '../need.js'
import { status } from '../print/status.js'
import { localPath } from '../resolve.js'

export const floatTypeFlag = {
  type: 'text',
  value: 'TYPE',
  description: 'F32, F16 or BF16; left out: BF16 stays, everything else becomes F16.',
} as const

/** The float type that a flag names, in any case. */
export function floatType(text: string | undefined): 'F32' | 'F16' | 'BF16' | undefined {
  if (text === undefined) return undefined
  const type = text.toUpperCase()
  if (type === 'F32' || type === 'F16' || type === 'BF16') return type
  throw usageError('USAGE_BAD_VALUE', `--type must be F32, F16 or BF16, not "${text}".`, {
    actions: ['Convert to F16 first; quantised types are a second step.'],
  })
}

export const convert = defineVerb({
  name: 'convert',
  summary: 'Convert between GGUF files and Hugging Face folders.',
  details: 'An output that ends in .gguf becomes a GGUF file, any other a folder. Vocabulary and chat template come along.',
  positionals: [
    { name: 'IN', description: 'A GGUF file or a Hugging Face folder.', required: true },
    { name: 'OUT', description: 'Where to write.', required: true },
  ],
  flags: { type: floatTypeFlag },
  examples: ['qt convert merged/ model-f16.gguf', 'qt convert model.gguf folder/ --type F32'],
  async run({ flags, positionals, io }) {
    const type = floatType(flags.type)
    const weights = await need('@qt/weights', () => import('@qt/weights'))
    const [input, output] = [positionals[0]!, positionals[1]!]
    const progress = status(io)
    const written = await withInterrupt(async (signal) =>
      weights.convert(await localPath(input, io, signal), output, {
        type,
        signal,
        onProgress: ({ tensor, done, total }) => progress.update(`${done}/${total} tensors  ${tensor}`),
      }),
    )
    progress.end()
    io.out(`Wrote ${written.output}: ${written.tensors} tensors in ${written.type}.\n`)
    io.document(written)
    return 0
  },
})
