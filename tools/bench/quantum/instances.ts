import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type QuadraticModel, quadraticBuilder, readProblem } from '@qt/quantum'
import { shared } from '../../src/root.js'

/** The G-set graphs of the tables, and the largest cuts known. */
export const bestCuts: Readonly<Record<string, number>> = { G1: 11624, G14: 3064, G22: 13359, G32: 1410, G43: 6660, G55: 10299 }

export const graphFile = (name: string): string => join(shared, 'data/gset', `${name}.txt`)

export const graph = (name: string): QuadraticModel =>
  readProblem(readFileSync(graphFile(name)), { format: 'gset', file: graphFile(name) }).model

/** xorshift32. */
export function draws(seed: number): () => number {
  let x = seed
  return () => {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    return (x >>> 0) / 2 ** 32
  }
}

/** As bench_qubo.py makes them: whole coefficients in ±100, those off the diagonal doubled. */
export function randomQubo(size: number, density: number): QuadraticModel {
  const draw = draws(7)
  const coefficient = () => Math.floor(201 * draw()) - 100
  const builder = quadraticBuilder('binary', size)
  for (let i = 0; i < size; i++) {
    builder.addLinear(i, coefficient())
    for (let j = i + 1; j < size; j++) if (draw() < density) builder.addQuadratic(i, j, 2 * coefficient())
  }
  return builder.build()
}

/** Palubeckis' instances, to be maximised: row by row the diagonal, then whether there is a coefficient, then the coefficient. */
export function palubeckis(size: number, seed: number, density: number): QuadraticModel {
  let state = seed
  const draw = () => {
    state = (16807 * state) % 2147483647
    return state / 2147483648
  }
  const coefficient = () => Math.floor(201 * draw() - 100)
  const builder = quadraticBuilder('binary', size, Math.ceil((size * size * density) / 199))
  for (let i = 0; i < size; i++) {
    builder.addLinear(i, -coefficient())
    for (let j = i + 1; j < size; j++) if (100 * draw() <= density) builder.addQuadratic(i, j, -2 * coefficient())
  }
  return builder.build()
}

/** A sparse graph of a million variables. */
export function sparse(size: number, couplings: number): QuadraticModel {
  const draw = draws(11)
  const builder = quadraticBuilder('spin', size, couplings)
  for (let k = 0; k < couplings; k++)
    builder.addQuadratic(Math.floor(draw() * size), Math.floor(draw() * size), draw() < 0.5 ? -1 : 1)
  return builder.build()
}

/** The inverse temperatures that dwave-samplers begins and ends with. */
export function peersBetaRange(spins: QuadraticModel): [number, number] {
  const largest = spins.linear.map(Math.abs)
  const smallest = spins.linear.map((h) => (h === 0 ? Number.POSITIVE_INFINITY : Math.abs(h)))
  for (let k = 0; k < spins.values.length; k++)
    for (const i of [spins.rows[k]!, spins.columns[k]!]) {
      largest[i]! += Math.abs(spins.values[k]!)
      smallest[i] = Math.min(smallest[i]!, Math.abs(spins.values[k]!))
    }
  const least = smallest.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)
  const gaps = smallest.filter((value) => value === least).length
  const most = largest.reduce((a, b) => Math.max(a, b), 0)
  return [Math.log(2) / (2 * most), Math.log(gaps / 0.01) / (2 * least)]
}
