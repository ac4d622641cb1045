import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { QtError } from '@qt/core'

/**
 * The base model as a GGUF file, vocabulary included.
 *
 * @example
 * ```ts
 * import { load } from '@qt/trainer-native'
 * const model = await load(baseModelPath())
 * ```
 */
export function baseModelPath(): string {
  const path = fileURLToPath(new URL('../model/base.gguf', import.meta.url))
  if (!existsSync(path))
    throw new QtError({
      code: 'BASE_MODEL_MISSING',
      message: 'The base model has not been made yet.',
      where: { file: path },
      actions: [{ label: 'Train it in the repository (about an hour)', command: 'npm run make-base' }],
    })
  return path
}
