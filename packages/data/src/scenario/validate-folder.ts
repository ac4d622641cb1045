import { readFile } from 'node:fs/promises'
import type { Finding } from './finding.js'
import { scenarioFiles } from './scenario-files.js'
import { type ValidateOptions, validateScenario } from './validate-scenario.js'

/**
 * The findings of every scenario in a folder, file by file.
 *
 * @example
 * ```ts
 * for await (const finding of validateFolder('scenarios/')) console.log(finding.toString()) // file:line  what  fix
 * ```
 */
export async function* validateFolder(folder: string, options: Omit<ValidateOptions, 'file'> = {}): AsyncGenerator<Finding> {
  for (const file of await scenarioFiles(folder)) yield* validateScenario(await readFile(file, 'utf8'), { ...options, file })
}
