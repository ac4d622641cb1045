import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { energyOf, quadraticModel, roofDuality, solve } from '../src/index.js'
import { exactOptimum } from '../src/solvers/exact.js'
import { randomModel } from './random-models.js'

// A busy machine.
vi.setConfig({ testTimeout: 120_000 })

test('roof duality bounds every model from below, and what it fixes is so in every optimum', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 10 }),
      fc.integer({ min: 1, max: 9999 }),
      fc.constantFrom(0.15, 0.4),
      fc.constantFrom('binary' as const, 'spin' as const),
      fc.boolean(),
      (size, seed, density, vartype, whole) => {
        const model = randomModel(size, density, seed, { vartype, whole })
        const { bound, fixed } = roofDuality(model)
        const all = Array.from({ length: 2 ** size }, (_, state) => Uint8Array.from({ length: size }, (_, i) => (state >> i) & 1))
        const energies = all.map((solution) => energyOf(model, solution))
        const least = Math.min(...energies)
        expect(bound).toBeLessThanOrEqual(least + 1e-9)
        for (const [k, solution] of all.entries())
          if (energies[k]! <= least + 1e-12) for (const [i, value] of fixed) expect(solution[i]).toBe(value)
      },
    ),
  )
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
  const best = Math.min(
    ...Array.from({ length: 16 }, (_, state) =>
      energyOf(
        model,
        Uint8Array.from({ length: 4 }, (_, i) => (state >> i) & 1),
      ),
    ),
  )
  expect(roofDuality(model).bound).toBeCloseTo(best, 9)
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
  const { seconds, energy, solution } = await solve(model, { sizeLimit: 50, time: 60, signal: controller.signal })
  expect(seconds).toBeLessThan(10)
  expect(energy).toBe(energyOf(model, solution))
})
