import { checkScenarios } from './check-scenarios.js'
import type { Finding } from './finding.js'
import type { ValidateOptions } from './validate-scenario.js'

/**
 * The findings of every scenario in a folder, file by file: links and folders that cannot be read first, then mistakes and copies.
 *
 * @example
 * ```ts
 * for await (const finding of validateFolder('scenarios/')) console.log(finding.toString()) // file:line  what  fix
 * ```
 */
export async function* validateFolder(
  folder: string,
  options: Omit<ValidateOptions, 'file'> & { readonly heldOut?: string } = {},
): AsyncGenerator<Finding> {
  const around: Finding[] = []
  for await (const { findings } of checkScenarios(folder, { ...options, onFinding: (finding) => around.push(finding) })) {
    yield* around.splice(0)
    yield* findings
  }
  yield* around
}
