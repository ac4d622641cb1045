import { usageError } from '@qt/core'
import { energyOf, type QuadraticModel, type Solution } from '../quadratic.js'
import { uniformNumbers } from '../solvers/uniform-numbers.js'
import { type Angles, checkAngles } from './angles.js'
import { allEnergies } from './energies.js'
import { nelderMead } from './nelder-mead.js'
import {
  applyMixer,
  applyPhases,
  expectation,
  type Levels,
  levelsOf,
  measure,
  type StateVector,
  uniformState,
} from './state-vector.js'

export interface QaoaOptions {
  /** Of cost and mixer; 1 unless told. */
  readonly layers?: number
  /** Taken as they are; optimised unless given. */
  readonly angles?: Angles
  /** Of the optimisation; 60 for each layer unless told. */
  readonly evaluations?: number
  readonly shots?: number
  readonly seed?: number
}

export interface QaoaResult {
  readonly angles: Angles
  /** The mean energy of a measurement. */
  readonly expectation: number
  /** Of the best measured solution. */
  readonly energy: number
  readonly solution: Solution
  /** How often each solution was measured; variable k is bit k. */
  readonly counts: ReadonlyMap<number, number>
  /** The share of measurements that gave the optimum, which a simulator knows. */
  readonly optimumShare: number
}

const mostQubits = 26

/**
 * The quantum approximate optimisation algorithm (Farhi et al., arXiv 1411.4028) on a simulated state vector, to prepare circuits for
 * machines and to see what they would give. It is no way to solve a model: `solve` is thousands of times faster.
 *
 * @example
 * ```ts
 * const ring = quadraticModel({ vartype: 'spin', couplings: [[0, 1, 1], [1, 2, 1], [2, 3, 1], [0, 3, 1]] })
 * const { energy, angles } = qaoa(ring, { layers: 2, seed: 1 }) // -4
 * const program = openQasm(ring, angles)
 * ```
 */
export function qaoa(model: QuadraticModel, options: QaoaOptions = {}): QaoaResult {
  const { layers = 1, shots = 1024, seed = 1 } = options
  if (model.size < 1 || model.size > mostQubits)
    throw usageError('QAOA_SIZE', `A state vector of ${model.size} qubits is not simulated; 1 to ${mostQubits} are.`, {
      actions: ['Fix variables, or use solve, which has no such limit.'],
    })
  for (const [name, value] of Object.entries({ layers, shots }))
    if (!(Number.isInteger(value) && value >= 1))
      throw usageError('QUBO_OPTION', `"${name}" is ${value}.`, {
        where: { field: name },
        actions: ['Give a whole number from 1 on.'],
      })
  if (options.angles) checkAngles(options.angles)
  const energies = allEnergies(model)
  const diagonal = { energies, levels: levelsOf(energies) }
  // Angles are searched in units of the energies' spread, which makes them alike for all models.
  let [sum, squares, least] = [0, 0, Number.POSITIVE_INFINITY]
  for (const energy of energies) {
    sum += energy
    squares += energy * energy
    least = Math.min(least, energy)
  }
  const mean = sum / energies.length
  const spread = Math.sqrt(Math.max(0, squares / energies.length - mean * mean)) || 1
  const unscaled = (point: readonly number[]): Angles => ({
    gammas: point.slice(0, layers).map((gamma) => gamma / spread),
    betas: point.slice(layers),
  })
  const angles = options.angles ?? unscaled(optimise(model, diagonal, layers, options.evaluations ?? 60 * layers, unscaled))
  const state = run(model.size, diagonal, angles)
  const counts = measure(state, shots, uniformNumbers(seed))
  let [best, optimal] = [-1, 0]
  for (const [z, count] of counts) {
    if (best < 0 || energies[z]! < energies[best]!) best = z
    if (energies[z]! <= least + 1e-9 * Math.max(1, Math.abs(least))) optimal += count
  }
  const solution = Uint8Array.from({ length: model.size }, (_, k) => Math.floor(best / 2 ** k) % 2)
  return {
    angles,
    expectation: expectation(state, energies),
    energy: energyOf(model, solution),
    solution,
    counts,
    optimumShare: optimal / shots,
  }
}

interface Diagonal {
  readonly energies: Float64Array
  readonly levels: Levels | undefined
}

function run(qubits: number, { energies, levels }: Diagonal, { gammas, betas }: Angles): StateVector {
  const state = uniformState(qubits)
  gammas.forEach((gamma, layer) => {
    applyPhases(state, energies, gamma, levels)
    applyMixer(state, betas[layer]!)
  })
  return state
}

/** From a ramp, as annealing would have it: γ grows, β falls. */
function optimise(
  model: QuadraticModel,
  diagonal: Diagonal,
  layers: number,
  evaluations: number,
  unscaled: (point: readonly number[]) => Angles,
): number[] {
  const start = [
    ...Array.from({ length: layers }, (_, k) => (0.7 * (k + 1)) / layers),
    ...Array.from({ length: layers }, (_, k) => 0.6 * (1 - (k + 0.5) / layers) + 0.1),
  ]
  return nelderMead(
    (point) => expectation(run(model.size, diagonal, unscaled(point)), diagonal.energies),
    start,
    0.2,
    evaluations,
  )
}
