import { describe, expect, test, vi } from 'vitest'
import { nativeEngine } from '../src/engine/native.js'
import { energyOf, type SolverName, solve, solverNames } from '../src/index.js'
import { exactOptimum } from '../src/solvers/exact.js'
import { randomModel } from './random-models.js'

// A busy machine.
vi.setConfig({ testTimeout: 120_000 })

const engines = nativeEngine() ? (['native', 'wasm'] as const) : (['wasm'] as const)
if (engines.length === 1) console.log('skipped: the addon is not built (npm run build:native)')

const heuristics = solverNames.filter((name) => name !== 'auto' && name !== 'exact')

describe.each(engines)('with %s kernels', (engine) => {
  test.each(heuristics)('%s finds the optimum of small models, with the energy that it says', async (solver: SolverName) => {
    for (const [size, density, vartype, whole] of [
      [18, 0.5, 'binary', true],
      [20, 0.3, 'spin', false],
    ] as const) {
      const model = randomModel(size, density, size, { vartype, whole })
      const { solution: best } = await exactOptimum(model)
      const least = energyOf(model, best)
      const result = await solve(model, { solver, engine, time: 5, seed: 1, target: least })
      expect(result.energy).toBeCloseTo(least, 6)
      expect(energyOf(model, result.solution)).toBe(result.energy)
      expect(result.solver).toBe(solver)
    }
  })

  test.each(heuristics)('%s gives the same solution for the same seed and work', async (solver: SolverName) => {
    const model = randomModel(150, 0.2, 5)
    const once = await solve(model, { solver, engine, sweeps: 20, reads: 3, seed: 9, threads: 1 })
    const again = await solve(model, { solver, engine, sweeps: 20, reads: 3, seed: 9, threads: 2 })
    expect(again.solution).toEqual(once.solution)
    expect(again.energy).toBe(once.energy)
  })
})

test.skipIf(engines.length === 1)('native and WebAssembly walk through the same states', async () => {
  for (const [size, density] of [
    [200, 0.05],
    [120, 0.9],
  ] as const)
    for (const solver of ['simulated-annealing', 'parallel-tempering', 'tabu', 'population-annealing'] as const) {
      const model = randomModel(size, density, 3)
      const [native, wasm] = await Promise.all(
        (['native', 'wasm'] as const).map((engine) => solve(model, { solver, engine, sweeps: 30, reads: 2, seed: 4 })),
      )
      expect(wasm!.solution).toEqual(native!.solution)
    }
})

test.each(heuristics)('%s stops at once when aborted, with the best so far', async (solver: SolverName) => {
  const controller = new AbortController()
  setTimeout(() => controller.abort(), 100)
  const model = randomModel(300, 0.2, 1)
  const { seconds, energy, solution } = await solve(model, { solver, time: 60, signal: controller.signal })
  expect(seconds).toBeLessThan(30)
  expect(energy).toBe(energyOf(model, solution))
})

test.each(heuristics)('%s keeps to its time and reports every improvement', async (solver: SolverName) => {
  const seen: number[] = []
  const model = randomModel(400, 0.1, 2)
  const result = await solve(model, { solver, time: 0.4, onProgress: ({ energy }) => seen.push(energy) })
  expect(result.seconds).toBeLessThan(30)
  expect(seen.length).toBeGreaterThan(0)
  expect(seen).toEqual([...seen].sort((a, b) => b - a))
  expect(seen.at(-1)).toBeCloseTo(result.energy, 6)
})

test('models of no or one variable, and without couplings, are no special case', async () => {
  for (const size of [0, 1, 40]) {
    const model = randomModel(size, 0, 1)
    const { energy, proven } = await solve(model, { time: 0.1 })
    expect([energy, proven]).toEqual([model.offset + model.linear.reduce((sum, h) => sum + Math.min(0, h), 0), true])
    if (size > 0) expect((await solve(model, { solver: 'simulated-annealing', sweeps: 20 })).energy).toBe(energy)
  }
})

test('the size of all coefficients together does not matter', async () => {
  const model = randomModel(30, 0.3, 4, { whole: false })
  const tiny = {
    ...model,
    offset: 0,
    linear: model.linear.map((h) => h * 2 ** -60),
    values: model.values.map((q) => q * 2 ** -60),
  }
  const options = { solver: 'simulated-annealing', sweeps: 100, reads: 4 } as const
  expect((await solve(tiny, options)).solution).toEqual((await solve(model, options)).solution)
})

test.each([
  [{ time: 0 }, 'QUBO_OPTION'],
  [{ sizeLimit: 0 }, 'QUBO_OPTION'],
  [{ sweeps: 1.5 }, 'QUBO_OPTION'],
  [{ seed: -1 }, 'QUBO_OPTION'],
])('refuses %j', async (options, code) => {
  await expect(solve(randomModel(3, 1, 1), options)).rejects.toMatchObject({ code })
})

test('refuses to solve exactly what would take ages', async () => {
  await expect(solve(randomModel(200, 0.5, 1), { solver: 'exact' })).rejects.toMatchObject({ code: 'QUBO_TOO_WIDE' })
})
