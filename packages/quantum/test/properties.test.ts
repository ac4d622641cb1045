import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { integerProblem } from '../src/engine/integer-problem.js'
import { model } from '../src/model/model.js'
import { energyOf, type QuadraticModel } from '../src/quadratic.js'
import { quadraticBuilder, quadraticModel } from '../src/quadratic-builder.js'
import { branchAndBound } from '../src/solvers/branch-and-bound.js'
import { exactOptimum } from '../src/solvers/exact.js'
import { rowsOf, wholeEnergy } from '../src/solvers/rows.js'
import { toBinary, toSpin } from '../src/vartype.js'

// A busy machine.
vi.setConfig({ testTimeout: 120_000 })

const models = (most: number, coefficient: fc.Arbitrary<number>) =>
  fc.integer({ min: 1, max: most }).chain((size) =>
    fc.record({
      vartype: fc.constantFrom('binary' as const, 'spin' as const),
      offset: coefficient,
      linear: fc.array(coefficient, { minLength: size, maxLength: size }),
      couplings: fc.array(fc.tuple(fc.nat(size - 1), fc.nat(size - 1), coefficient), { maxLength: 3 * size }),
      size: fc.constant(size),
    }),
  )
const whole = fc.integer({ min: -20, max: 20 })
const fraction = fc.double({ min: -5, max: 5, noNaN: true })

const bitsOf = (size: number, number: number) => Uint8Array.from({ length: size }, (_, i) => Math.floor(number / 2 ** i) % 2)

function bruteForce(model: QuadraticModel): number {
  let least = Number.POSITIVE_INFINITY
  for (let state = 0; state < 2 ** model.size; state++) least = Math.min(least, energyOf(model, bitsOf(model.size, state)))
  return least
}

describe('any model', () => {
  test('has the same energies as bits, as spins and in whole numbers', () => {
    fc.assert(
      fc.property(models(12, whole), fc.nat(4095), (input, state) => {
        const model = quadraticModel(input)
        const bits = bitsOf(model.size, state)
        const energy = energyOf(model, bits)
        expect(energyOf(toSpin(model), bits)).toBeCloseTo(energy, 9)
        expect(energyOf(toBinary(model), bits)).toBeCloseTo(energy, 9)
        const problem = integerProblem(model)
        expect(problem.lost).toBe(0)
        expect(wholeEnergy(problem, rowsOf(problem), bits) / problem.scale + problem.offset).toBeCloseTo(energy, 9)
      }),
    )
  })

  test('is rounded to whole numbers closely where its fractions are none', () => {
    fc.assert(
      fc.property(models(12, fraction), fc.nat(4095), (input, state) => {
        const model = quadraticModel(input)
        const bits = bitsOf(model.size, state)
        const problem = integerProblem(model)
        const rounded = wholeEnergy(problem, rowsOf(problem), bits) / problem.scale + problem.offset
        expect(Math.abs(rounded - energyOf(model, bits))).toBeLessThan(1e-5)
      }),
    )
  })

  test('is solved exactly, by both ways, as brute force solves it', async () => {
    await fc.assert(
      fc.asyncProperty(models(11, whole), async (input) => {
        const model = quadraticModel(input)
        const least = bruteForce(model)
        const { solution, proven } = await exactOptimum(model)
        expect([energyOf(model, solution), proven]).toEqual([least, true])
        const bounded = await branchAndBound(toBinary(model), undefined, () => false)
        expect([energyOf(model, bounded.solution), bounded.proven]).toEqual([least, true])
      }),
      { numRuns: 60 },
    )
  })
})

test('a dense model of 20 variables is solved as brute force solves it', async () => {
  const couplings: [number, number, number][] = []
  for (let i = 0; i < 20; i++) for (let j = i + 1; j < 20; j++) couplings.push([i, j, ((i * 7919 + j * 104_729) % 41) - 20])
  const model = quadraticModel({ linear: Array.from({ length: 20 }, (_, i) => (i % 7) - 3), couplings })
  // Gray code: one flip at a time.
  const bits = new Uint8Array(20)
  const fields = Float64Array.from(model.linear)
  let [energy, least] = [0, 0]
  const matrix = new Float64Array(400)
  for (const [a, b, value] of couplings) {
    matrix[20 * a + b] = value
    matrix[20 * b + a] = value
  }
  for (let n = 1; n < 2 ** 20; n++) {
    const i = 31 - Math.clz32(n & -n)
    const sign = bits[i] === 1 ? -1 : 1
    energy += sign * fields[i]!
    bits[i]! ^= 1
    for (let k = 0; k < 20; k++) fields[k]! += sign * matrix[20 * i + k]!
    least = Math.min(least, energy)
  }
  const { solution } = await exactOptimum(model)
  expect(energyOf(model, solution)).toBe(least)
}, 30_000)

test('a model that was built stays as it is when its builder goes on, and many terms at once are those one by one', () => {
  const [builder, other] = [quadraticBuilder('binary', 4, 2), quadraticBuilder('binary', 4)]
  const terms = [
    [0, 1, 2],
    [1, 3, 0],
    [0, 2, -1],
    [2, 2, 7],
  ] as const
  for (const [i, j, value] of terms) builder.addQuadratic(i, j, value)
  const column = (k: 0 | 1) => Uint32Array.from(terms, (term) => term[k])
  other.addQuadratics(
    column(0),
    column(1),
    Float64Array.from(terms, ([, , value]) => value),
  )
  const built = builder.build()
  expect(other.build()).toEqual(built)
  expect([[...built.rows], [...built.columns], [...built.values]]).toEqual([
    [0, 0],
    [1, 2],
    [2, -1],
  ])
  const before = structuredClone(built)
  builder.addQuadratic(3, 2, 5)
  builder.addQuadratic(0, 1, 1)
  expect(built).toEqual(before)
  expect([...builder.build().values]).toEqual([3, -1, 5])
  expect(() => other.addQuadratics(Uint32Array.of(4), Uint32Array.of(0), Float64Array.of(1))).toThrow('no variable 4')
  expect(() => other.addQuadratics(Uint32Array.of(1), Uint32Array.of(0), Float64Array.of(Number.NaN))).toThrow('NaN')
})

test('terms in order become those of a model as they are, and stay so', () => {
  const lists = [Uint32Array.of(0, 0, 1), Uint32Array.of(1, 2, 3), Float64Array.of(2, -1, 4)] as const
  const builder = quadraticBuilder('binary', 4)
  builder.addQuadratics(...lists)
  const built = builder.build()
  expect(built.values.buffer).toBe(lists[2].buffer)
  builder.addQuadratic(2, 0, 1)
  builder.addQuadratic(2, 3, 5)
  expect([[...builder.build().values], [...built.values], [...lists[0]]]).toEqual([
    [2, 4, 5],
    [2, -1, 4],
    [0, 0, 1],
  ])
  // In order, but not to be taken: a variable that is not there, one with itself, a number that is none.
  const fresh = () => quadraticBuilder('binary', 2)
  expect(() => fresh().addQuadratics(Uint32Array.of(0), Uint32Array.of(2), Float64Array.of(1))).toThrow('no variable 2')
  expect(() => fresh().addQuadratics(Uint32Array.of(0), Uint32Array.of(1), Float64Array.of(Number.POSITIVE_INFINITY))).toThrow(
    'Infinity',
  )
  // Lists that do not agree would leave terms out, or be read beyond their end.
  const [one, two] = [Uint32Array.of(0), Uint32Array.of(0, 1)]
  for (const [left, right, all] of [
    [one, one, Float64Array.of(1, 2)],
    [two, one, Float64Array.of(1)],
    [one, two, Float64Array.of(1)],
  ] as const)
    expect(() => fresh().addQuadratics(left, right, all)).toThrow(expect.objectContaining({ code: 'QUBO_LENGTHS' }))
  const squares = fresh()
  squares.addQuadratics(Uint32Array.of(0), Uint32Array.of(0), Float64Array.of(3))
  expect([...squares.build().linear]).toEqual([3, 0])
})

test('what becomes of a compiled model is nothing to the model it was compiled from', () => {
  const m = model()
  const x = m.binaries('x', 3)
  m.minimise(x[0]!.times(x[1]!).times(2))
  m.minimise(x[1]!.times(x[2]!).times(-3))
  const [{ qubo, objective }, wanted] = [m.compile(), structuredClone(m.compile().qubo)]
  // As when it is handed to a worker, or changed in place.
  qubo.values.fill(9)
  structuredClone(qubo.rows, { transfer: [qubo.rows.buffer] })
  expect(qubo.rows).toHaveLength(0)
  expect(m.compile().qubo).toEqual(wanted)
  expect(objective.evaluate(() => 1)).toBe(-1)
})

test('a model that was compiled stays as it is when its model goes on', () => {
  const m = model()
  const x = m.binaries('x', 4)
  m.minimise(x[0]!.times(x[1]!))
  m.minimise(x[3]!.times(x[1]!).times(2))
  const { qubo } = m.compile()
  const before = structuredClone(qubo)
  expect(m.compile().qubo).toEqual(before)
  m.minimise(x[1]!.times(x[0]!).times(4))
  expect(qubo).toEqual(before)
  expect([...m.compile().qubo.values]).toEqual([5, 2])
})
