import { usageError } from '@qt/core'
import type { Architecture } from './architecture.js'
import { llama } from './llama.js'

export const architectures: readonly Architecture[] = [llama]

/** The table of a GGUF architecture name. */
export function architectureNamed(name: string, file?: string): Architecture {
  const found = architectures.find((architecture) => architecture.name === name)
  if (found) return found
  throw unsupported(
    `The architecture ${name} is not supported yet; supported: ${architectures.map((a) => a.name).join(', ')}.`,
    file,
  )
}

/** The table of a model class of config.json's `architectures`. */
export function architectureOfClass(name: string, file?: string): Architecture {
  const found = architectures.find((architecture) => architecture.huggingFace.classes.includes(name))
  if (found) return found
  const known = architectures.flatMap((architecture) => architecture.huggingFace.classes)
  throw unsupported(`The model class ${name} is not supported yet; supported: ${known.join(', ')}.`, file)
}

const unsupported = (message: string, file?: string) =>
  usageError('ARCHITECTURE_UNSUPPORTED', message, {
    ...(file === undefined ? {} : { where: { file } }),
    actions: ['Use a model of a supported architecture.'],
  })
