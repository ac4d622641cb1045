import type { Solution } from '../quadratic.js'
import type { IntegerProblem } from './integer-problem.js'

/**
 * scan: Metropolis over one state. lanes: over 16 or 32 states at once. tabu: tabu search over one state.
 * The numbers are those of the kernels.
 */
export const samplerKinds = { scan: 0, lanes: 1, tabu: 2 } as const
export type SamplerKind = keyof typeof samplerKinds

/** States of a problem and the random numbers that drive them. One call at a time. Energies are whole numbers. */
export interface Sampler {
  /** States side by side. */
  readonly width: number
  /** scan, lanes: a sweep for each β (of whole energies). tabu: [steps, tenure, spread of tenure]. */
  run(parameters: Float32Array): Promise<void>
  /** lanes: sweeps with a β for each lane, exchanged after every sweep; clusters after every `clusterEvery` (0: never). */
  temper(betas: Float32Array, sweeps: number, clusterEvery: number): Promise<void>
  read(lane: number, into: Solution): void
  write(lane: number, from: Solution): void
  energy(lane: number): number
  bestEnergy(): number
  /** The best state seen; returns its energy. */
  readBest(into: Solution): number
  /** From now on the best state seen is the present one. */
  forget(): void
  /** It is not used any more: another one may have its memory. */
  release(): void
}

export interface LoadedProblem {
  sampler(kind: SamplerKind, seed: number, stream: number): Sampler
}

/** Something that runs the kernels: the addon, or WebAssembly. Both walk through the same states. */
export interface Engine {
  readonly name: string
  /** How many samplers run at the same time. */
  readonly threads: number
  load(problem: IntegerProblem): LoadedProblem
}
