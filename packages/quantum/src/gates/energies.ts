import type { QuadraticModel } from '../quadratic.js'
import { toBinary } from '../vartype.js'

/** The energy of every solution, variable k being bit k of its number; 2^n numbers, each from one addition. */
export function allEnergies(model: QuadraticModel): Float64Array {
  const { size, offset, linear, rows, columns, values } = toBinary(model)
  const energies = new Float64Array(2 ** size)
  energies[0] = offset
  const added = new Float64Array(2 ** Math.max(0, size - 1))
  const couplings = new Float64Array(size * size)
  for (let k = 0; k < values.length; k++) couplings[columns[k]! * size + rows[k]!] = values[k]!
  for (let k = 0; k < size; k++) {
    // What variable k adds to each setting of the ones before it.
    added[0] = linear[k]!
    for (let j = 0; j < k; j++) {
      const step = 2 ** j
      const value = couplings[k * size + j]!
      for (let z = 0; z < step; z++) added[z + step] = added[z]! + value
    }
    const step = 2 ** k
    for (let z = 0; z < step; z++) energies[z + step] = energies[z]! + added[z]!
  }
  return energies
}
