import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { messageOf, usageError } from '@qt/core'
import { defineQuantMethod, type QuantFormat, type QuantMethodOptions } from './method.js'

/**
 * Finds a quantisation method in a module: a file (its path) or a package (its name). The default export counts, or else the
 * only export that is a method.
 *
 * @example
 * ```ts
 * const method = await loadQuantMethod('./my-method.js')
 * ```
 */
export async function loadQuantMethod(place: string): Promise<QuantFormat & Pick<QuantMethodOptions, 'type'>> {
  const file = /^[./]|[\\/]|\.m?js$/.test(place) && existsSync(place)
  const module: Record<string, unknown> = await import(file ? pathToFileURL(resolve(place)).href : place).catch(
    (cause: unknown) => {
      throw usageError('QUANT_METHOD_MISSING', `The module ${place} cannot be loaded: ${messageOf(cause)}`, {
        where: { file: place },
        actions: ['Give the path of a JavaScript file, or the name of an installed package.', 'Compile TypeScript first.'],
        cause,
      })
    },
  )
  const methods = (module.default === undefined ? Object.values(module) : [module.default]).filter(isMethod)
  const [method] = methods
  if (method !== undefined && methods.length === 1) return defineQuantMethod(method)
  throw usageError(
    'QUANT_METHOD_MISSING',
    `${place} exports ${methods.length === 0 ? 'no quantisation method' : `${methods.length} methods and no default`}.`,
    {
      where: { file: place },
      actions: ['Export what defineQuantMethod returns, as default when there is more than one.'],
    },
  )
}

function isMethod(value: unknown): value is QuantMethodOptions {
  if (typeof value !== 'object' || value === null) return false
  return 'name' in value && 'blockSize' in value && 'encode' in value && 'decode' in value
}
