import type { QuadraticModel } from '../quadratic.js'

export const formats = ['coo', 'qubo', 'gset', 'biqmac', 'bqm', 'json'] as const
export type Format = (typeof formats)[number]

/** A model from a file, and how the file counts. */
export interface ProblemFile {
  readonly format: Format
  /** To be minimised, whatever the file wants. */
  readonly model: QuadraticModel
  /** What the file wants; its own value is the model's energy, negated when it maximises. */
  readonly sense: 'minimise' | 'maximise'
  /** A graph of which the largest cut is asked. */
  readonly maxCut: boolean
  readonly warnings: readonly string[]
}

/** What a solution is worth by the file's own counting. */
export const valueIn = (file: ProblemFile, energy: number): number => (file.sense === 'maximise' ? negated(energy) : energy)

/** The weight of the edges between the two sides; of max-cut files only. */
export const cutOf = (file: ProblemFile, energy: number): number | undefined => (file.maxCut ? negated(energy) : undefined)

const negated = (value: number): number => (value === 0 ? 0 : -value)
