import { existsSync } from 'node:fs'
import { join } from 'node:path'
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
  details:
    'An output that ends in .gguf becomes a GGUF file, any other a folder. Vocabulary and chat template come along. A PEFT adapter folder becomes a GGUF adapter, as llama.cpp takes with --lora; --base says what it belongs to.',
  positionals: [
    {
      name: 'IN',
      description: 'A GGUF file, a Hugging Face folder, a hub id (owner/name), or a PEFT adapter folder.',
      required: true,
    },
    { name: 'OUT', description: 'Where to write.', required: true },
  ],
  flags: {
    type: floatTypeFlag,
    base: { type: 'text', value: 'MODEL', description: 'Of an adapter: the model that it was trained on, a path or a hub id.' },
  },
  examples: [
    'qt convert merged/ model-f16.gguf',
    'qt convert model.gguf folder/ --type F32',
    'qt convert runs/my-run/adapter adapter.gguf --base model.gguf',
  ],
  async run({ flags, positionals, io }) {
    const type = floatType(flags.type)
    const weights = await need('@qt/weights', () => import('@qt/weights'))
    const [input, output] = [positionals[0]!, positionals[1]!]
    if (existsSync(join(input, 'adapter_config.json'))) {
      const { base } = flags
      if (base === undefined)
        throw usageError('USAGE_MISSING_FLAG', `${input} is an adapter; --base says which model it belongs to.`, {
          actions: ['Add --base MODEL.'],
        })
      const made = await withInterrupt(async (signal) =>
        weights.convertAdapter(input, output, { base: await localPath(base, io, signal), type, signal }),
      )
      io.out(`Wrote ${made.output}: an adapter of ${made.modules} projections.\n`)
      io.document(made)
      return 0
    }
    if (flags.base !== undefined)
      throw usageError('USAGE_BAD_VALUE', `--base belongs to adapters, and ${input} is none.`, {
        actions: ['Leave --base out, or name a PEFT folder, which has an adapter_config.json.'],
      })
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
