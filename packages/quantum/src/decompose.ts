import { usageError } from '@qt/core'
import { breathe } from './breathe.js'
import { descend } from './descend.js'
import { type Adjacency, adjacencyOf, energyOf, type QuadraticModel, type Solution } from './quadratic.js'
import { quadraticBuilder } from './quadratic-builder.js'
import type { Progress } from './solvers/search.js'
import { uniformNumbers } from './solvers/uniform-numbers.js'

export interface DecomposeOptions {
  /** The most variables of a piece. */
  readonly limit: number
  /** Minimises a piece: a solver of yours, or a machine in the cloud. */
  readonly solvePart: (part: QuadraticModel, state: { readonly round: number; readonly remaining: number }) => Promise<Solution>
  readonly seed?: number | undefined
  /** Seconds at most. */
  readonly time?: number | undefined
  /** Pieces at most: a fixed amount of work. */
  readonly rounds?: number | undefined
  readonly target?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/**
 * Minimises a model that is larger than what solves it: piece after piece of connected variables is solved while the others keep their
 * values, and the whole never gets worse. Where nothing improves any more, a few variables are shaken and it goes on from there. Without `time`
 * and `rounds` it ends when it is stuck.
 *
 * @example
 * ```ts
 * const large = quadraticModel({ couplings: Array.from({ length: 99 }, (_, i) => [i, i + 1, i % 2 ? -1 : 1]) })
 * const best = await decompose(large, {
 *   limit: 20,
 *   solvePart: async (part) => (await solve(part, { sweeps: 100 })).solution,
 * })
 * energyOf(large, best)
 * ```
 */
export async function decompose(model: QuadraticModel, options: DecomposeOptions): Promise<Solution> {
  const { solvePart, seed = 1, time = Number.POSITIVE_INFINITY, rounds = Number.POSITIVE_INFINITY, target, signal } = options
  if (!(Number.isInteger(options.limit) && options.limit > 0))
    throw usageError('QUBO_OPTION', `"limit" is ${options.limit}.`, {
      where: { field: 'limit' },
      actions: ['Give a whole number from 1 on.'],
    })
  if (model.size === 0) return new Uint8Array(0)
  const limit = Math.min(options.limit, model.size)
  const started = performance.now()
  const elapsed = () => (performance.now() - started) / 1000
  const draw = uniformNumbers(seed)
  const around = adjacencyOf(model)
  const current = new Uint8Array(model.size)
  await descend(model, around, current, () => elapsed() >= time || signal?.aborted === true)
  let energy = energyOf(model, current)
  const best = current.slice()
  let least = energy
  options.onProgress?.({ energy, seconds: elapsed() })
  const pieces = Math.ceil(model.size / limit)
  const endless = time === Number.POSITIVE_INFINITY && rounds === Number.POSITIVE_INFINITY
  const reached = () => target !== undefined && least <= target + 1e-9 * Math.max(1, Math.abs(target))
  for (let round = 0, idle = 0; round < rounds && elapsed() < time && !signal?.aborted && !reached(); round++) {
    await breathe()
    const chosen = connectedPiece(around, model.size, limit, draw)
    const part = partOf(model, around, chosen, current)
    const found = await solvePart(part, { round, remaining: time - elapsed() })
    const before = Uint8Array.from(chosen, (i) => current[i]!)
    const gain = energyOf(part, before) - energyOf(part, found)
    if (gain >= 0) for (const [k, i] of chosen.entries()) current[i] = found[k]!
    const improved = gain > 1e-12 * Math.max(1, Math.abs(energy))
    idle = improved ? 0 : idle + 1
    if (improved) energy = energyOf(model, current)
    if (energy < least) {
      least = energy
      best.set(current)
      options.onProgress?.({ energy, seconds: elapsed() })
    }
    if (idle < 4 * pieces) continue
    if (endless) break
    idle = 0
    current.set(best)
    for (let i = 0; i < model.size; i++) if (draw() < 0.05) current[i] = 1 - current[i]!
    energy = energyOf(model, current)
  }
  return best
}

/** Variables next to each other, from a random one on; further random ones where a component ends. */
function connectedPiece({ offsets, neighbours }: Adjacency, size: number, limit: number, draw: () => number): number[] {
  const seen = new Set<number>()
  const queue: number[] = []
  const add = (i: number) => {
    if (seen.has(i) || seen.size >= limit) return
    seen.add(i)
    queue.push(i)
  }
  for (let head = 0; seen.size < limit; head++) {
    while (head >= queue.length && seen.size < limit) add(Math.floor(draw() * size))
    const i = queue[head]
    if (i === undefined) break
    // From somewhere in the row on, or a hub would always bring the same ones.
    const count = offsets[i + 1]! - offsets[i]!
    const from = Math.floor(draw() * count)
    for (let k = 0; k < count; k++) add(neighbours[offsets[i]! + ((from + k) % count)]!)
  }
  return [...seen].sort((a, b) => a - b)
}

/** The model of some variables while all others keep their values; the constant is left out. */
function partOf(model: QuadraticModel, around: Adjacency, chosen: readonly number[], current: Solution): QuadraticModel {
  const place = new Map(chosen.map((i, k) => [i, k]))
  const valueAt = (j: number) => (model.vartype === 'spin' ? 2 * current[j]! - 1 : current[j]!)
  const part = quadraticBuilder(model.vartype, chosen.length)
  for (const [k, i] of chosen.entries()) {
    part.addLinear(k, model.linear[i]!)
    for (let e = around.offsets[i]!; e < around.offsets[i + 1]!; e++) {
      const j = around.neighbours[e]!
      const value = model.values[around.couplings[e]!]!
      const other = place.get(j)
      if (other === undefined) part.addLinear(k, value * valueAt(j))
      else if (i < j) part.addQuadratic(k, other, value)
    }
  }
  return part.build()
}
