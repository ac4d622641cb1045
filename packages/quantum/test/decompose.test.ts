import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { decompose, energyOf, type QuadraticModel, quadraticModel, roofDuality, solve } from '../src/index.js'
import { exactOptimum } from '../src/solvers/exact.js'
import { allSolutions, randomModel } from './random-models.js'

// A busy machine.
vi.setConfig({ testTimeout: 120_000 })

/** Every third coupling and every fourth linear term a million million times as large. */
const farApart = (model: QuadraticModel): QuadraticModel => ({
  ...model,
  linear: model.linear.map((value, i) => (i % 4 === 0 ? value * 2 ** 40 : value)),
  values: model.values.map((value, k) => (k % 3 === 0 ? value * 2 ** 40 : value)),
})

test('roof duality bounds every model from below, and what it fixes is so in every optimum', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 10 }),
      fc.integer({ min: 1, max: 9999 }),
      fc.constantFrom(0.15, 0.4),
      fc.constantFrom('binary' as const, 'spin' as const),
      fc.constantFrom('whole' as const, 'fractions' as const, 'far apart' as const),
      (size, seed, density, vartype, kind) => {
        const random = randomModel(size, density, seed, { vartype, whole: kind !== 'fractions' })
        const model = kind === 'far apart' ? farApart(random) : random
        const { bound, fixed } = roofDuality(model)
        const all = allSolutions(size)
        const energies = all.map((solution) => energyOf(model, solution))
        const least = Math.min(...energies)
        expect(bound).toBeLessThanOrEqual(least + (kind === 'fractions' ? 1e-9 : 0))
        for (const [k, solution] of all.entries())
          if (energies[k] === least) for (const [i, value] of fixed) expect(solution[i]).toBe(value)
      },
    ),
    { numRuns: 400 },
  )
})

test('roof duality decides something', () => {
  // Or the property above would say nothing.
  const counts = Array.from({ length: 20 }, (_, seed) => roofDuality(randomModel(10, 0.2, seed + 1)).fixed.size)
  expect(Math.max(...counts)).toBe(10)
})

test('a huge coefficient hides none of the small ones', () => {
  // Bit 1 gains 11 alone and loses 20 beside the others, which gain 10 each.
  const others = [2, 3, 4, 5, 6]
  const linear = [1e12, -11, ...others.map(() => -10)]
  const model = quadraticModel({ linear, couplings: others.map((j): [number, number, number] => [1, j, 4]) })
  expect(roofDuality(model).fixed.get(1)).not.toBe(1)
})

test('roof duality is exact where no coupling is positive', () => {
  const model = quadraticModel({
    linear: [3, -1, 2, -2],
    couplings: [
      [0, 1, -2],
      [1, 2, -1],
      [2, 3, -4],
      [0, 3, -1],
    ],
  })
  const best = Math.min(...allSolutions(4).map((solution) => energyOf(model, solution)))
  expect(roofDuality(model).bound).toBe(best)
})

test('solve presolves what is easy, and says that it is proven', async () => {
  // Too wide for dynamic programming, but every bit is decided by its own field.
  const strong = randomModel(80, 0.9, 2)
  const decided = { ...strong, linear: strong.linear.map((_, i) => (i % 2 === 0 ? 2000 : -2000)) }
  const { solution, proven } = await solve(decided)
  expect(proven).toBe(true)
  expect([...solution]).toEqual(Array.from({ length: 80 }, (_, i) => i % 2))
})

test('presolving changes neither energies nor the optimum that is found', async () => {
  for (const seed of [1, 2, 3]) {
    const model = randomModel(24, 0.15, seed, { vartype: 'spin' })
    const least = energyOf(model, (await exactOptimum(model)).solution)
    const result = await solve(model, { solver: 'parallel-tempering', presolve: true, sweeps: 100, reads: 4 })
    expect(result.energy).toBeCloseTo(least, 9)
    expect(result.energy).toBe(energyOf(model, result.solution))
  }
})

test('a model is solved piece by piece, in the same way every time, never larger than the limit', async () => {
  const model = randomModel(120, 0.08, 7)
  const whole = await solve(model, { solver: 'simulated-annealing', sweeps: 200, reads: 16 })
  const options = { sizeLimit: 40, sweeps: 50, reads: 2, seed: 3 }
  const seen: number[] = []
  const pieces = await solve(model, { ...options, onProgress: ({ energy }) => seen.push(energy) })
  expect(pieces.energy).toBe(energyOf(model, pieces.solution))
  expect(seen).toEqual(seen.toSorted((a, b) => b - a))
  // Within five per cent of what annealing all of it finds.
  expect(pieces.energy).toBeLessThan(whole.energy + 0.05 * Math.abs(whole.energy))
  expect((await solve(model, options)).solution).toEqual(pieces.solution)
})

test('an aborted search in pieces gives the best so far', async () => {
  const controller = new AbortController()
  setTimeout(() => controller.abort(), 100)
  const model = randomModel(200, 0.05, 1)
  const { seconds, energy, solution } = await solve(model, { sizeLimit: 50, time: 100, signal: controller.signal })
  expect(seconds).toBeLessThan(10)
  expect(energy).toBe(energyOf(model, solution))
})

test('a piece may be as large as the model, a model empty, and a limit must be one', async () => {
  const model = randomModel(12, 0.4, 5)
  const solvePart = async (part: QuadraticModel) => (await exactOptimum(part)).solution
  const best = await exactOptimum(model)
  expect(energyOf(model, await decompose(model, { limit: 50, solvePart }))).toBe(energyOf(model, best.solution))
  expect(await decompose(quadraticModel({}), { limit: 5, solvePart })).toEqual(new Uint8Array(0))
  for (const limit of [0, -1, 1.5, Number.NaN])
    await expect(decompose(model, { limit, solvePart })).rejects.toMatchObject({ code: 'QUBO_OPTION', where: { field: 'limit' } })
})
