import { realpath } from 'node:fs/promises'
import { basename, dirname, relative, sep } from 'node:path'
import { usageError } from '@qt/core'
import { everyFile } from '../find-files.js'
import type { WalkOptions } from '../walk-folder.js'

const isScenario = (file: string): boolean => /\.(md|markdown)$/i.test(file) && !/^readme\./i.test(basename(file))

/**
 * The scenario files of a folder, or of a pattern; a README describes them and is none. Each real path comes once, and `onFinding` is
 * told of links and of what cannot be read.
 */
export async function scenarioFiles(path: string | readonly string[], options: WalkOptions = {}): Promise<string[]> {
  const found = new Set<string>()
  for (const one of typeof path === 'string' ? [path] : path)
    for (const file of await everyFile(one, options)) if (isScenario(file)) found.add(file)
  if (found.size > 0) return [...found]
  if (options.avoid && options.avoid.size > 0 && (await withoutAvoiding(path)))
    throw usageError('DATA_NOT_FOUND', `Every scenario at ${String(path)} is held out.`, {
      where: { file: String(path) },
      actions: ['Keep scenarios to train on in one folder and those that are held out in another one.'],
    })
  throw usageError('DATA_NOT_FOUND', `No scenario was found at ${String(path)}.`, {
    where: { file: String(path) },
    actions: ['Put scenarios (.md) there, or correct the path.'],
  })
}

const withoutAvoiding = async (path: string | readonly string[]): Promise<boolean> => {
  const none = { onFinding: () => {} }
  for (const one of typeof path === 'string' ? [path] : path) if ((await everyFile(one, none)).some(isScenario)) return true
  return false
}

/** The category of a file: the folder below the root that it lies in, if any. */
export function categoryOf(file: string, root: string): string | undefined {
  const parts = relative(root, dirname(file)).split(sep)
  return parts[0] === '' || parts[0] === '..' ? undefined : parts[0]
}

/** Where files lie, links resolved. */
export const realPaths = async (files: readonly string[]): Promise<ReadonlySet<string>> =>
  new Set(await Promise.all(files.map((file) => realpath(file).catch(() => file))))
