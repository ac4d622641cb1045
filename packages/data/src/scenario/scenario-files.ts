import { basename, dirname, relative, sep } from 'node:path'
import { usageError } from '@qt/core'
import { findFiles } from '../find-files.js'

const isScenario = (file: string): boolean => /\.(md|markdown)$/i.test(file) && !/^readme\./i.test(basename(file))

/** The scenario files of a folder, or of a pattern; a README describes them and is none. */
export async function scenarioFiles(path: string | readonly string[]): Promise<string[]> {
  const files = (await findFiles(path)).filter(isScenario)
  if (files.length > 0) return files
  throw usageError('DATA_NOT_FOUND', `No scenario was found at ${String(path)}.`, {
    where: { file: String(path) },
    actions: ['Put scenarios (.md) there, or correct the path.'],
  })
}

/** The category of a file: the folder below the root that it lies in, if any. */
export function categoryOf(file: string, root: string): string | undefined {
  const parts = relative(root, dirname(file)).split(sep)
  return parts[0] === '' || parts[0] === '..' ? undefined : parts[0]
}
