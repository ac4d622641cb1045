import { describe, expect, test, vi } from 'vitest'
import { integerProblem } from '../src/engine/integer-problem.js'
import { nativeEngine } from '../src/engine/native.js'
import { wasmEngine } from '../src/engine/wasm.js'
import { energyOf, quadraticModel, type SolverName, scaled, solve, solverNames, toBinary } from '../src/index.js'
import { branchAndBound } from '../src/solvers/branch-and-bound.js'
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

  // So large that nothing finds the optimum in this work: whatever the path depends on shows.
  test.each([
    ...heuristics.map((solver) => [solver, 700, 2] as const),
    ['simulated-quantum-annealing', 200, 60],
    ['simulated-bifurcation', 200, 200],
    ['auto', 1600, 1],
  ] as const)('%s gives the same solution for the same seed and work (%i variables)', async (solver, size, sweeps) => {
    const model = randomModel(size, 0.3, 5)
    const seen = new Set<string>()
    for (const threads of [1, 2, 1, 3, 1]) {
      const { energy, solution } = await solve(model, { solver, engine, sweeps, reads: 4, seed: 9, threads })
      seen.add(`${energy} ${solution.join('')}`)
    }
    expect(seen.size).toBe(1)
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

/** Nine times what was asked for, and what a machine with other work on it takes from anybody. */
const lateBy = (seconds: number) => 10 * seconds + 3

test.each([...heuristics, 'auto', 'exact'] as const)('%s stops when aborted, with the best so far', async (solver) => {
  const controller = new AbortController()
  setTimeout(() => controller.abort(), 100)
  const model = randomModel(solver === 'exact' ? 64 : 300, solver === 'exact' ? 1 : 0.2, 1)
  const { seconds, energy, solution, proven } = await solve(model, { solver, time: 60, signal: controller.signal })
  expect(seconds).toBeLessThan(lateBy(0.1))
  expect(energy).toBe(energyOf(model, solution))
  expect(energy).toBeLessThan(model.offset)
  expect(proven).toBe(false)
})

test('an exact solution over a wide elimination order ends in time, and when aborted', async () => {
  const couplings: [number, number, number][] = []
  for (let row = 0; row < 30; row++)
    for (let column = 0; column < 15; column++) {
      const i = 15 * row + column
      if (column < 14) couplings.push([i, i + 1, (i * 7) % 5 > 2 ? 1 : -1])
      if (row < 29) couplings.push([i, i + 15, (i * 11) % 7 > 3 ? 1 : -1])
    }
  const grid = quadraticModel({ vartype: 'spin', couplings })
  const { proven, seconds, energy } = await solve(grid, { solver: 'exact', time: 0.2 })
  expect([proven, seconds < lateBy(0.2), energy < 0]).toEqual([false, true, true])
  const aborted = await solve(grid, { solver: 'exact', time: 60, signal: AbortSignal.timeout(100) })
  expect([aborted.proven, aborted.seconds < lateBy(0.1)]).toEqual([false, true])
})

test('few variables that all depend on each other are proven by auto, from what the heuristic found', async () => {
  const model = randomModel(30, 1, 3)
  const { solution } = await exactOptimum(model)
  const fixed = await solve(model, { sweeps: 1000, reads: 32, seed: 1 })
  expect([fixed.energy, fixed.proven, fixed.solver]).toEqual([energyOf(model, solution), true, 'exact'])
  const { energy, proven } = await solve(model, { time: 60, seed: 1, target: energyOf(model, solution) - 1 })
  expect([energy, proven]).toEqual([energyOf(model, solution), true])
})

test('with a fixed amount of work an exact search ends, too', async () => {
  const { proven, energy } = await solve(randomModel(60, 1, 3), { solver: 'exact', sweeps: 2 })
  expect([proven, energy < 0]).toEqual([false, true])
})

test('what vanishes beside the largest coefficients is warned of', async () => {
  const couplings = Array.from({ length: 49 }, (_, i): [number, number, number] => [i + 1, i + 2, 1e11 * Math.PI])
  const { warnings } = await solve(quadraticModel({ vartype: 'spin', linear: [1e-3], size: 51, couplings }), {
    solver: 'tabu',
    sweeps: 1,
  })
  expect(warnings).toEqual([expect.stringContaining('the search did not see')])
  expect((await solve(randomModel(50, 0.3, 1), { solver: 'tabu', sweeps: 1 })).warnings).toEqual([])
})

test('WebAssembly uses the memory of samplers that are done', async () => {
  const model = randomModel(2000, 0.004, 1)
  const problem = integerProblem(model)
  const loaded = (await wasmEngine()).load(problem)
  const first = loaded.sampler('lanes', 1, 1)
  const [energy] = [first.energy(0)]
  first.release()
  // Another one in the same place, and then the first again.
  const [other, again] = [loaded.sampler('lanes', 1, 2), loaded.sampler('lanes', 1, 1)]
  expect(other.energy(0)).not.toBe(energy)
  expect(again.energy(0)).toBe(energy)
  const memory = () => process.memoryUsage().external
  await solve(model, { solver: 'simulated-annealing', engine: 'wasm', sweeps: 1, reads: 32 })
  globalThis.gc?.()
  const before = memory()
  await solve(model, { solver: 'simulated-annealing', engine: 'wasm', sweeps: 1, reads: 32 * 200 })
  expect(memory() - before).toBeLessThan(30e6)
})

test.each(heuristics)('%s keeps to its time and reports every improvement', async (solver: SolverName) => {
  const seen: number[] = []
  const model = randomModel(400, 0.1, 2)
  const result = await solve(model, { solver, time: 0.4, onProgress: ({ energy }) => seen.push(energy) })
  expect(result.seconds).toBeLessThan(lateBy(0.4))
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
  const dense = randomModel(26, 1, 4, { whole: false })
  const small = scaled({ ...dense, offset: 0 }, 1e-12)
  const [one, two] = [
    await branchAndBound(toBinary(dense), undefined, () => false),
    await branchAndBound(small, undefined, () => false),
  ]
  expect([two.solution, two.proven]).toEqual([one.solution, true])
})

test.each([
  [{ time: 0 }, 'QUBO_OPTION'],
  [{ sizeLimit: 0 }, 'QUBO_OPTION'],
  [{ sweeps: 1.5 }, 'QUBO_OPTION'],
  [{ sweeps: 1e12 }, 'QUBO_OPTION'],
  [{ seed: -1 }, 'QUBO_OPTION'],
])('refuses %j', async (options, code) => {
  await expect(solve(randomModel(3, 1, 1), options)).rejects.toMatchObject({ code })
})

test('refuses to solve exactly what would take ages', async () => {
  await expect(solve(randomModel(200, 0.5, 1), { solver: 'exact' })).rejects.toMatchObject({ code: 'QUBO_TOO_WIDE' })
})
