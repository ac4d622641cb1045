import { readFile } from 'node:fs/promises'
import { parseConfig } from '../config/parse.js'
import type { TrainingConfig } from '../config/schema.js'
import { QtError, usageError } from '../errors.js'
import { parseYaml } from './parse-yaml.js'

/** Reads a YAML or JSON training configuration; errors name file, line and field. */
export async function loadConfig(file: string, overrides?: unknown): Promise<TrainingConfig> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw usageError('CONFIG_UNREADABLE', `The configuration ${file} cannot be read.`, {
      where: { file },
      actions: ['Check the path and its permissions.'],
      cause,
    })
  })
  const { value, problem, lineOf } = parseYaml(text)
  if (problem)
    throw usageError('CONFIG_SYNTAX', `The configuration is not valid YAML: ${problem.message}`, {
      where: { file, line: problem.line },
      actions: ['Correct the syntax on that line.'],
      cause: problem.cause,
    })
  try {
    return parseConfig(value ?? {}, { file, overrides })
  } catch (error) {
    throw placed(error, lineOf)
  }
}

/** An error about a field, with the line of that field. */
export function placed(error: unknown, lineOf: (path: readonly string[]) => number | undefined): unknown {
  const field = QtError.isInstance(error) ? error.where?.field : undefined
  const line = field === undefined ? undefined : lineOf(field.split('.'))
  if (!QtError.isInstance(error) || line === undefined) return error
  return new QtError({ ...error.toJSON(), kind: error.kind, where: { ...error.where, line }, cause: error.cause })
}
