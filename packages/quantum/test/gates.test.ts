import { describe, expect, test, vi } from 'vitest'
import { allEnergies } from '../src/gates/energies.js'
import { applyMixer, applyPhases, levelsOf, type StateVector, uniformState } from '../src/gates/state-vector.js'
import { type Angles, energyOf, ionqCircuit, openQasm, qaoa, quadraticModel, quil } from '../src/index.js'
import { randomModel } from './random-models.js'

// A busy machine.
vi.setConfig({ testTimeout: 120_000 })

const bitsOf = (size: number, z: number) => Uint8Array.from({ length: size }, (_, k) => (z >> k) & 1)
const model = randomModel(5, 0.7, 4, { vartype: 'spin' })
const angles: Angles = { gammas: [0.21, 0.13], betas: [0.4, 0.25] }

test('the energies of all solutions are those of each', () => {
  const energies = allEnergies(model)
  for (let z = 0; z < 32; z++) expect(energies[z]).toBeCloseTo(energyOf(model, bitsOf(5, z)), 9)
})

/** An independent simulator of single gates, on complex numbers as pairs, which starts in |0…0⟩. */
function simulate(qubits: number, gates: readonly { name: string; qubits: readonly number[]; angle: number }[]): number[] {
  let state: [number, number][] = Array.from({ length: 2 ** qubits }, (_, z) => [z === 0 ? 1 : 0, 0])
  for (const { name, qubits: on, angle } of gates) {
    const bit = 2 ** on.at(-1)!
    const next = state.map(([a, b]): [number, number] => [a, b])
    for (let z = 0; z < state.length; z++) {
      const [own, other] = [state[z]!, state[z ^ bit]!]
      const one = (z & bit) !== 0
      const [c, s] = [Math.cos(angle / 2), Math.sin(angle / 2)]
      if (name === 'h') next[z] = [0, 1].map((k) => ((one ? -1 : 1) * own[k]! + other[k]!) / Math.SQRT2) as [number, number]
      else if (name === 'cx') next[z] = z & (2 ** on[0]!) ? other : own
      else if (name === 'rx') next[z] = [c * own[0] + s * other[1], c * own[1] - s * other[0]]
      else {
        const sign = one ? 1 : -1
        next[z] = [c * own[0] - sign * s * own[1], c * own[1] + sign * s * own[0]]
      }
    }
    state = next
  }
  return state.map(([a, b]) => a * a + b * b)
}

test.each([1, 2, 3, 14, 15])('mixing %i qubits two at a time is mixing one by one', (qubits) => {
  const diagonal = Float64Array.from({ length: 2 ** qubits }, (_, z) => ((z * 7919) % 31) - 15)
  const made = (): StateVector => {
    const state = uniformState(qubits)
    applyPhases(state, diagonal, 0.37)
    return state
  }
  const [fast, slow] = [made(), made()]
  applyMixer(fast, 0.4)
  const [c, s] = [Math.cos(0.4), Math.sin(0.4)]
  for (let bit = 1; bit < 2 ** qubits; bit *= 2) {
    const [real, imaginary] = [slow.real.slice(), slow.imaginary.slice()]
    for (let z = 0; z < 2 ** qubits; z++) {
      slow.real[z] = c * real[z]! + s * imaginary[z ^ bit]!
      slow.imaginary[z] = c * imaginary[z]! - s * real[z ^ bit]!
    }
  }
  const apart = (a: Float64Array, b: Float64Array) => a.reduce((most, value, z) => Math.max(most, Math.abs(value - b[z]!)), 0)
  expect(apart(fast.real, slow.real)).toBeLessThan(1e-12)
  expect(apart(fast.imaginary, slow.imaginary)).toBeLessThan(1e-12)
})

test('phases from a table are those of each energy; many different ones need no table', () => {
  const energies = Float64Array.from({ length: 256 }, (_, z) => (z * z) % 17)
  const levels = levelsOf(energies)
  expect(levels?.values).toHaveLength(new Set(energies).size)
  expect(levelsOf(energies, 3)).toBeUndefined()
  const [plain, tabled] = [uniformState(8), uniformState(8)]
  applyPhases(plain, energies, 0.7)
  applyPhases(tabled, energies, 0.7, levels)
  expect(tabled).toEqual(plain)
})

describe('what is exported gives the probabilities of the simulator', () => {
  const state = uniformState(5)
  angles.gammas.forEach((gamma, layer) => {
    applyPhases(state, allEnergies(model), gamma)
    applyMixer(state, angles.betas[layer]!)
  })
  const agrees = (gates: Parameters<typeof simulate>[1]) =>
    simulate(5, gates).forEach((probability, z) => {
      expect(probability).toBeCloseTo(state.real[z]! ** 2 + state.imaginary[z]! ** 2, 9)
    })

  test('OpenQASM 3', () => {
    const program = openQasm(model, angles)
    expect(program).toMatch(/^OPENQASM 3\.0;\ninclude "stdgates\.inc";\nqubit\[5\] q;\nbit\[5\] c;\n/)
    agrees(
      [...program.matchAll(/^(h|rz|rx|cx)(?:\(([^)]*)\))? (.*);$/gm)].map(([, name, angle, on]) => ({
        name: name!,
        angle: Number(angle ?? 0),
        qubits: [...on!.matchAll(/\d+/g)].map(Number),
      })),
    )
  })

  test('Quil', () => {
    agrees(
      [...quil(model, angles).matchAll(/^(H|RZ|RX|CNOT)(?:\(([^)]*)\))? ([\d ]+)$/gm)].map(([, name, angle, on]) => ({
        name: name === 'CNOT' ? 'cx' : name!.toLowerCase(),
        angle: Number(angle ?? 0),
        qubits: on!.split(' ').map(Number),
      })),
    )
  })

  test('IonQ', () => {
    const parsed: { circuit: { gate: string; target: number; control?: number; rotation?: number }[] } = JSON.parse(
      JSON.stringify(ionqCircuit(model, angles)),
    )
    agrees(
      parsed.circuit.map(({ gate, target, control, rotation }) => ({
        name: gate === 'cnot' ? 'cx' : gate,
        angle: rotation ?? 0,
        qubits: control === undefined ? [target] : [control, target],
      })),
    )
  })
})

test('angles that were optimised find the cut of a ring, more often than guessing, and more layers do so more often', () => {
  const ring = quadraticModel({
    vartype: 'spin',
    couplings: Array.from({ length: 8 }, (_, i): [number, number, number] => [i, (i + 1) % 8, 1]),
  })
  const [one, three] = [1, 3].map((layers) => qaoa(ring, { layers, seed: 1, evaluations: 200 }))
  expect(one!.energy).toBe(-8)
  // A layer on a ring reaches 3/4 of the edges cut (Farhi et al.): −8 · (2 · 3/4 − 1).
  expect(one!.expectation).toBeCloseTo(-4, 2)
  expect(one!.optimumShare).toBeGreaterThan(2 / 256)
  expect(three!.expectation).toBeLessThan(one!.expectation - 0.5)
})

test('the same seed measures the same', () => {
  expect(qaoa(model, { angles, seed: 3 })).toEqual(qaoa(model, { angles, seed: 3 }))
})

test('too many qubits are refused', () => {
  expect(() => qaoa(randomModel(27, 0.1, 1))).toThrow(expect.objectContaining({ code: 'QAOA_SIZE' }))
})

test('24 qubits: pairs that have nothing to do with each other are as many times one pair', () => {
  const pairs = (count: number) =>
    quadraticModel({
      vartype: 'spin',
      size: 2 * count,
      couplings: Array.from({ length: count }, (_, k) => [2 * k, 2 * k + 1, 1] as const),
    })
  const angles = { gammas: [0.7], betas: [0.4] }
  const [one, twelve] = [1, 12].map((count) => qaoa(pairs(count), { angles, seed: 1, shots: 16 }).expectation)
  expect(Math.abs(one!)).toBeGreaterThan(0.1)
  expect(twelve).toBeCloseTo(12 * one!, 4)
})

test.each([
  { shots: 0 },
  { layers: 0 },
  { shots: 1.5 },
  { angles: { gammas: [1, 2], betas: [1] } },
  { angles: { gammas: [], betas: [] } },
])('refuses %j', (options) => {
  expect(() => qaoa(model, options)).toThrow(expect.objectContaining({ code: 'QUBO_OPTION' }))
  if (options.angles) expect(() => openQasm(model, options.angles)).toThrow(expect.objectContaining({ code: 'QUBO_OPTION' }))
})

test('OpenQASM 2, as Quantinuum takes it, differs in what declares and measures', () => {
  const [two, three] = [openQasm(model, angles, { version: 2 }).split('\n'), openQasm(model, angles).split('\n')]
  const n = model.size
  expect(two.slice(0, 4)).toEqual(['OPENQASM 2.0;', 'include "qelib1.inc";', `qreg q[${n}];`, `creg c[${n}];`])
  expect(two.slice(4, -2)).toEqual(three.slice(4, -2))
  expect(two.at(-2)).toBe('measure q -> c;')
})
