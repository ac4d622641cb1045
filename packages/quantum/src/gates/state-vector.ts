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

/** The different values of a diagonal, and which one each state has. */
export interface Levels {
  readonly values: Float64Array
  readonly of: Uint16Array
}

/** Undefined where there are too many different values for tables to pay. */
export function levelsOf(energies: Float64Array, most = 4096): Levels | undefined {
  const places = new Map<number, number>()
  const of = new Uint16Array(energies.length)
  for (let z = 0; z < energies.length; z++) {
    const energy = energies[z]!
    let place = places.get(energy)
    if (place === undefined) {
      place = places.size
      if (place === most) return undefined
      places.set(energy, place)
    }
    of[z] = place
  }
  return { values: Float64Array.from(places.keys()), of }
}

/** exp(−iγ E) for a diagonal E. */
export function applyPhases({ real, imaginary }: StateVector, energies: Float64Array, gamma: number, levels?: Levels): void {
  const cosines = levels?.values.map((energy) => Math.cos(gamma * energy))
  const sines = levels?.values.map((energy) => Math.sin(gamma * energy))
  for (let z = 0; z < energies.length; z++) {
    const level = levels ? levels.of[z]! : 0
    const c = cosines ? cosines[level]! : Math.cos(gamma * energies[z]!)
    const s = sines ? sines[level]! : Math.sin(gamma * energies[z]!)
    const [a, b] = [real[z]!, imaginary[z]!]
    real[z] = a * c + b * s
    imaginary[z] = b * c - a * s
  }
}

/** Amplitudes that stay in the cache while several qubits are mixed: 2¹³ of 16 bytes. */
const block = 2 ** 13

/** exp(−iβ X) on every qubit: in each pair a' = cos β a − i sin β b. Two qubits at a time, which halves the walks through memory. */
export function applyMixer({ qubits, real, imaginary }: StateVector, beta: number): void {
  const mix = (from: number, to: number, first: number, last: number) => {
    let qubit = first
    for (; qubit + 1 < last; qubit += 2) mixTwo(real, imaginary, from, to, 2 ** qubit, beta)
    if (qubit < last) mixOne(real, imaginary, from, to, 2 ** qubit, beta)
  }
  const inside = Math.min(qubits, Math.log2(block))
  for (let from = 0; from < real.length; from += block) mix(from, Math.min(real.length, from + block), 0, inside)
  mix(0, real.length, inside, qubits)
}

function mixOne(real: Float64Array, imaginary: Float64Array, from: number, to: number, step: number, beta: number): void {
  const [c, s] = [Math.cos(beta), Math.sin(beta)]
  for (let start = from; start < to; start += 2 * step)
    for (let z = start; z < start + step; z++) {
      const [ar, ai, br, bi] = [real[z]!, imaginary[z]!, real[z + step]!, imaginary[z + step]!]
      real[z] = c * ar + s * bi
      imaginary[z] = c * ai - s * br
      real[z + step] = c * br + s * ai
      imaginary[z + step] = c * bi - s * ar
    }
}

/** The same for the qubits of `step` and 2·`step`: cos² of itself, −sin² of its opposite, −i sin cos of the two between. */
function mixTwo(real: Float64Array, imaginary: Float64Array, from: number, to: number, step: number, beta: number): void {
  const cc = Math.cos(beta) ** 2
  const ss = Math.sin(beta) ** 2
  const cs = Math.cos(beta) * Math.sin(beta)
  for (let start = from; start < to; start += 4 * step)
    for (let z = start; z < start + step; z++) {
      const [p, q, r] = [z + step, z + 2 * step, z + 3 * step]
      const ar = real[z]!
      const ai = imaginary[z]!
      const br = real[p]!
      const bi = imaginary[p]!
      const cr = real[q]!
      const ci = imaginary[q]!
      const dr = real[r]!
      const di = imaginary[r]!
      const outerR = cs * (ar + dr)
      const outerI = cs * (ai + di)
      const innerR = cs * (br + cr)
      const innerI = cs * (bi + ci)
      real[z] = cc * ar - ss * dr + innerI
      imaginary[z] = cc * ai - ss * di - innerR
      real[p] = cc * br - ss * cr + outerI
      imaginary[p] = cc * bi - ss * ci - outerR
      real[q] = cc * cr - ss * br + outerI
      imaginary[q] = cc * ci - ss * bi - outerR
      real[r] = cc * dr - ss * ar + innerI
      imaginary[r] = cc * di - ss * ai - innerR
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
