import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { messageOf, usageError } from '@qt/core'
import { defineQuantMethod, type QuantFormat, type QuantMethodOptions } from './method.js'

/**
 * Finds a quantisation method in a module: a file (its path) or a package (its name), both as the working folder
 * sees them. The default export counts, or else the
 * only export that is a method.
 *
 * @example
 * ```ts
 * const method = await loadQuantMethod('./my-method.js')
 * ```
 */
export async function loadQuantMethod(place: string): Promise<QuantFormat & Pick<QuantMethodOptions, 'type'>> {
  const module: Record<string, unknown> = await import(await moduleOf(place)).catch((cause: unknown) => {
    throw missing(place, `The module ${place} cannot be loaded: ${messageOf(cause)}`, cause)
  })
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

/** A file, or a package as the working folder sees it; one that only this package sees is left to import. */
async function moduleOf(place: string): Promise<string> {
  if (/^[./]|[\\/]|\.m?js$/.test(place) && existsSync(place)) return pathToFileURL(resolve(place)).href
  if (/^\.{0,2}[\\/]|^[A-Za-z]:[\\/]/.test(place)) throw missing(place, `There is no file ${resolve(place)}.`)
  const { resolve: resolveModule } = await import('import-meta-resolve')
  try {
    return resolveModule(place, pathToFileURL(join(process.cwd(), 'qt.js')).href)
  } catch (cause) {
    if (/^[^:]*\.m?js$/.test(place)) throw missing(place, `There is no file ${resolve(place)}.`, cause)
    return place
  }
}

const missing = (place: string, message: string, cause?: unknown) =>
  usageError('QUANT_METHOD_MISSING', message, {
    where: { file: place },
    actions: ['Give the path of a JavaScript file, or the name of an installed package.', 'Compile TypeScript first.'],
    cause,
  })

function isMethod(value: unknown): value is QuantMethodOptions {
  if (typeof value !== 'object' || value === null) return false
  return 'name' in value && 'blockSize' in value && 'encode' in value && 'decode' in value
}
