import { setImmediate } from 'node:timers/promises'
import type { WalkOptions } from '../walk-folder.js'
import { findCopies } from './copies.js'
import type { Finding } from './finding.js'
import { readScenarioFile } from './read-scenario-file.js'
import { realPaths, scenarioFiles } from './scenario-files.js'
import { type ValidateOptions, validateScenario } from './validate-scenario.js'

export interface CheckedScenario {
  readonly file: string
  readonly part: 'training' | 'heldOut'
  /** Undefined when the file could not be read as text. */
  readonly text: string | undefined
  readonly findings: readonly Finding[]
}

export interface CheckScenariosOptions extends Omit<ValidateOptions, 'file'> {
  /** What no scenario to train on may be a copy of, or a link to. */
  readonly heldOut?: string | readonly string[] | undefined
  /** Told of what is no scenario's fault: links, folders that cannot be read. */
  readonly onFinding?: WalkOptions['onFinding']
  readonly signal?: AbortSignal | undefined
}

/**
 * Every scenario of a folder and of what is held out for it, with its findings: those of `validateScenario`, files that cannot be read,
 * and copies. The held-out ones come first. Gives way to other work after each file and stops when the signal says so.
 *
 * @example
 * ```ts
 * for await (const { file, findings } of checkScenarios('scenarios/', { heldOut: 'held-out/' })) console.log(file, findings.length)
 * ```
 */
export async function* checkScenarios(
  path: string | readonly string[],
  { heldOut, onFinding, signal, ...options }: CheckScenariosOptions = {},
): AsyncGenerator<CheckedScenario> {
  const held = heldOut === undefined ? [] : await scenarioFiles(heldOut, { onFinding })
  const training = await scenarioFiles(path, { onFinding, avoid: await realPaths(held) })
  const copies = findCopies()
  for (const part of ['heldOut', 'training'] as const)
    for (const file of part === 'heldOut' ? held : training) {
      await setImmediate()
      signal?.throwIfAborted()
      const { text, finding } = await readScenarioFile(file)
      const copy = text === undefined ? undefined : copies[part](file, text)
      const own = text === undefined ? [finding] : validateScenario(text, { ...options, file })
      yield { file, part, text, findings: [...(copy ? [copy] : []), ...own] }
    }
}
