import type { IntegerProblem } from '../engine/integer-problem.js'

export interface Temperatures {
  /** Inverse temperatures of whole energies. */
  readonly hot: number
  readonly cold: number
}

/**
 * From where most moves of a typical field are accepted to where few are. Measured on G-set graphs: the largest field, which others
 * begin with, wastes a third of the sweeps.
 */
export const temperaturesOf = ({ typicalField }: IntegerProblem): Temperatures => ({
  hot: 1 / typicalField,
  cold: 10 / typicalField,
})

/** β of some of `sweeps` sweeps: `count` of them from the `from`th on. */
export type Schedule = (from: number, count: number) => Float32Array

/** β growing evenly; the last ones are so cold that only downhill moves are left. */
export function evenly({ hot, cold }: Temperatures, sweeps: number): Schedule {
  const quench = Math.min(4, sweeps - 1)
  const rest = sweeps - quench
  const beta = (k: number) => (k < rest ? hot + ((cold - hot) * k) / Math.max(1, rest - 1) : 1000 * cold)
  return (from, count) => Float32Array.from({ length: count }, (_, k) => beta(from + k))
}

/** β growing by a factor, as dwave-samplers and OpenJij do; for comparisons. */
export const geometrically =
  ({ hot, cold }: Temperatures, sweeps: number): Schedule =>
  (from, count) =>
    Float32Array.from({ length: count }, (_, k) => hot * (cold / hot) ** ((from + k) / Math.max(1, sweeps - 1)))

/** A ladder for tempering: `count` values of β, each `replicas` times. */
export const ladder = ({ hot, cold }: Temperatures, count: number, replicas = 1): Float32Array =>
  Float32Array.from(
    { length: count * replicas },
    (_, k) => hot * (cold / hot) ** (Math.floor(k / replicas) / Math.max(1, count - 1)),
  )
