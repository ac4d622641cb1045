import { readFile } from 'node:fs/promises'
import { messageOf, usageError } from '@qt/core'
import type { SolverName } from '@qt/quantum'
import type { DecideOptions } from '@qt/quantum/decisions'
import type { z } from 'zod'
import type { Values } from '../args/verb.js'
import { need } from '../need.js'
import type { decisionFlags } from './optimize-report.js'

/** What the flags say of how to decide. */
export async function decideOptions(flags: Values<typeof decisionFlags>, signal: AbortSignal): Promise<DecideOptions> {
  const { solverNames } = await need('@qt/quantum', () => import('@qt/quantum'))
  const solver: SolverName | undefined = solverNames.find((name) => name === flags.solver?.toLowerCase())
  if (flags.solver !== undefined && solver === undefined)
    throw usageError('USAGE_BAD_VALUE', `--solver is "${flags.solver}".`, { actions: [`Use one of ${solverNames.join(', ')}.`] })
  return { time: flags.time, seed: flags.seed, solver, sizeLimit: flags['qubo-size-limit'], signal }
}

/** Measurements from a JSON file. */
export async function readMeasurements<T>(file: string, schema: z.ZodType<T>): Promise<T> {
  const text = await readFile(file, 'utf8')
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw usageError('JSON_UNREADABLE', `${file} is no JSON: ${messageOf(cause)}.`, {
      where: { file },
      actions: ['Correct the file at that place.'],
      cause,
    })
  }
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw usageError('DECISION_INVALID', `The decision cannot be made: ${issue?.message}.`, {
    where: { file, field: issue?.path.join('.') ?? '' },
    actions: ['Correct the measurements it is made from.'],
  })
}
