import type { QuadraticModel, Vartype } from '../src/quadratic.js'
import { quadraticModel } from '../src/quadratic-builder.js'
import { uniformNumbers } from '../src/solvers/uniform-numbers.js'

/** A model with random coefficients, for tests and examples: whole numbers, or fractions. */
export function randomModel(
  size: number,
  density: number,
  seed: number,
  options: { vartype?: Vartype; whole?: boolean; linear?: boolean } = {},
): QuadraticModel {
  const { vartype = 'binary', whole = true, linear = true } = options
  const draw = uniformNumbers(seed)
  const value = () => (whole ? Math.floor(21 * draw()) - 10 : 2 * draw() - 1)
  const couplings: [number, number, number][] = []
  for (let i = 0; i < size; i++) for (let j = i + 1; j < size; j++) if (draw() < density) couplings.push([i, j, value()])
  return quadraticModel({
    vartype,
    size,
    couplings,
    offset: value(),
    linear: Float64Array.from({ length: size }, () => (linear ? value() : 0)),
  })
}

/** Every solution of so many variables. */
export const allSolutions = (size: number): Uint8Array[] =>
  Array.from({ length: 2 ** size }, (_, state) => Uint8Array.from({ length: size }, (_, i) => (state >> i) & 1))
