import { usageError } from '@qt/core'
import type { Architecture } from './architecture.js'
import { gemma2 } from './gemma2.js'
import { gemma3 } from './gemma3.js'
import { llama } from './llama.js'
import { mistral } from './mistral.js'
import { phi3 } from './phi3.js'
import { qwen2 } from './qwen2.js'
import { qwen3 } from './qwen3.js'
import { smollm3 } from './smollm3.js'

export const architectures: readonly Architecture[] = [llama, mistral, smollm3, qwen2, qwen3, gemma2, gemma3, phi3]

/** The table of a GGUF architecture name; `has` says which keys (without the name before them) its metadata holds. */
export function architectureNamed(name: string, file?: string, has: (key: string) => boolean = () => false): Architecture {
  const found = architectures.filter((architecture) => architecture.name === name)
  const chosen =
    found.find(({ gguf }) => gguf.onlyWith !== undefined && has(gguf.onlyWith)) ??
    found.find(({ gguf }) => gguf.onlyWith === undefined)
  if (chosen) return chosen
  const known = [...new Set(architectures.map((architecture) => architecture.name))]
  throw unsupported(`The architecture ${name} is not supported; supported: ${known.join(', ')}.`, file)
}

/** The table of a model class of config.json's `architectures`. */
export function architectureOfClass(name: string, file?: string): Architecture {
  const found = architectures.find((architecture) => architecture.huggingFace.classes.includes(name))
  if (found) return found
  const known = architectures.map(({ huggingFace }) => huggingFace.classes[0]!)
  throw unsupported(`The model class ${name} is not supported; supported: ${known.join(', ')}.`, file)
}

const unsupported = (message: string, file?: string) =>
  usageError('ARCHITECTURE_UNSUPPORTED', message, {
    ...(file === undefined ? {} : { where: { file } }),
    actions: ['Use a model of a supported architecture.'],
  })
