import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { isRun, type ReadRunOptions, readRun } from './read-run.js'
import type { RunSummary } from './run-summary.js'

/**
 * The runs directly under a folder, the one that began last first. A folder that is not there has none.
 *
 * @example
 * ```ts
 * for (const run of await listRuns('runs')) console.log(run.name, run.status, run.loss)
 * ```
 */
export async function listRuns(folder: string, options: ReadRunOptions = {}): Promise<RunSummary[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  const paths = entries.filter((entry) => entry.isDirectory() || entry.isSymbolicLink()).map((entry) => join(folder, entry.name))
  const runs = await Promise.all(paths.filter(isRun).map((path) => readRun(path, options)))
  return runs.sort((a, b) => (b.started ?? '').localeCompare(a.started ?? '') || a.name.localeCompare(b.name))
}
