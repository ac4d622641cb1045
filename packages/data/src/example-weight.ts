import type { DataRecord } from './read-records.js'
import { recordError } from './record-error.js'

/** How much an example's loss counts: its `weight` as the float32 that it is kept as, else 1. */
export function exampleWeight({ value: { weight }, where }: DataRecord): number {
  if (weight === undefined || weight === null) return 1
  if (typeof weight === 'number' && weight >= 0 && Number.isFinite(Math.fround(weight))) return Math.fround(weight)
  throw recordError(where, 'weight', '"weight" must be a number from 0 up.', 'Write "weight": 1, or leave it out.')
}
