/** Amplitudes of n qubits; qubit k is bit k of the index. */
export interface StateVector {
  readonly qubits: number
  readonly real: Float64Array
  readonly imaginary: Float64Array
}

/** All qubits in |+⟩: every state equally likely. */
export function uniformState(qubits: number): StateVector {
  const size = 2 ** qubits
  return { qubits, real: new Float64Array(size).fill(1 / Math.sqrt(size)), imaginary: new Float64Array(size) }
}

/** exp(−iγ E) for a diagonal E. */
export function applyPhases({ real, imaginary }: StateVector, energies: Float64Array, gamma: number): void {
  for (let z = 0; z < energies.length; z++) {
    const [c, s] = [Math.cos(gamma * energies[z]!), Math.sin(gamma * energies[z]!)]
    const [a, b] = [real[z]!, imaginary[z]!]
    real[z] = a * c + b * s
    imaginary[z] = b * c - a * s
  }
}

/** exp(−iβ X) on every qubit: in each pair a' = cos β a − i sin β b. */
export function applyMixer({ qubits, real, imaginary }: StateVector, beta: number): void {
  const [c, s] = [Math.cos(beta), Math.sin(beta)]
  for (let qubit = 0; qubit < qubits; qubit++) {
    const step = 2 ** qubit
    for (let block = 0; block < real.length; block += 2 * step)
      for (let z = block; z < block + step; z++) {
        const [ar, ai, br, bi] = [real[z]!, imaginary[z]!, real[z + step]!, imaginary[z + step]!]
        real[z] = c * ar + s * bi
        imaginary[z] = c * ai - s * br
        real[z + step] = c * br + s * ai
        imaginary[z + step] = c * bi - s * ar
      }
  }
}

/** Σ |a|² E. */
export function expectation({ real, imaginary }: StateVector, energies: Float64Array): number {
  let total = 0
  for (let z = 0; z < energies.length; z++) total += (real[z]! ** 2 + imaginary[z]! ** 2) * energies[z]!
  return total
}

/** Indices drawn with the probabilities of a measurement; `draw` gives numbers in [0, 1). */
export function measure({ real, imaginary }: StateVector, shots: number, draw: () => number): Map<number, number> {
  const points = Float64Array.from({ length: shots }, draw).sort()
  const counts = new Map<number, number>()
  let [sum, at] = [0, 0]
  for (let z = 0; z < real.length && at < shots; z++) {
    sum += real[z]! ** 2 + imaginary[z]! ** 2
    let count = 0
    for (; at < shots && (points[at]! < sum || z === real.length - 1); at++) count++
    if (count > 0) counts.set(z, count)
  }
  return counts
}
