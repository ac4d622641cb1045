import type { Engine } from './engine/engine.js'
import { integerProblem } from './engine/integer-problem.js'
import { energyOf, type QuadraticModel, type Solution } from './quadratic.js'
import type { FindEngine, QuadraticResult, SolveOptions } from './solve.js'
import { oneByOne } from './solvers/anneal.js'
import { exactOptimum, isNarrow } from './solvers/exact.js'
import { heuristics, type SolverName } from './solvers/index.js'
import { type Search, startSearch } from './solvers/search.js'

/** Branch and bound may prove the optimum of so many variables within a second, dense as they may be. */
export const mostToProve = 40
/** Of branch and bound, for each sweep of each read: what the same result everywhere is counted in. */
const nodesPerSweep = 1024

/** Solves a model as it is, in one piece; `prove`: with `auto`, also where that takes most of the time. */
export async function solveWhole(
  model: QuadraticModel,
  options: SolveOptions,
  findEngine: FindEngine,
  prove = true,
): Promise<QuadraticResult> {
  const wanted = options.solver ?? 'auto'
  const started = performance.now()
  const elapsed = () => (performance.now() - started) / 1000
  const time = options.time ?? (options.sweeps === undefined ? 1 : Number.POSITIVE_INFINITY)
  const until = (seconds: number) => () => options.signal?.aborted === true || elapsed() > seconds
  const mostNodes = options.sweeps === undefined ? undefined : nodesPerSweep * options.sweeps * (options.reads ?? 1)
  const finish = (given: Omit<QuadraticResult, 'energy' | 'seconds'>): QuadraticResult => ({
    ...given,
    energy: energyOf(model, given.solution),
    seconds: elapsed(),
  })
  const exactly = async (ended: () => boolean, upper?: Solution) => {
    const found = await exactOptimum(model, { ended, mostNodes, upper })
    return finish({ ...found, solver: 'exact', sweeps: 0, engine: 'typescript', warnings: [] })
  }
  const heuristically = async (seconds: number) => {
    const solver = wanted === 'auto' || wanted === 'exact' ? 'portfolio' : wanted
    return finish(await searched(model, solver, { ...options, time: seconds }, await findEngine(options.engine)))
  }
  if (wanted === 'exact') return exactly(until(time))
  if (wanted !== 'auto') return heuristically(time)
  if (isNarrow(model)) {
    const best = await exactly(until(time / 2))
    if (best.proven || options.signal?.aborted) return best
    const other = await heuristically(time - elapsed())
    return other.energy < best.energy ? other : best
  }
  if (!prove || model.size > mostToProve) return heuristically(time)
  const first = await heuristically(time / 3)
  if (options.signal?.aborted || first.energy <= (options.target ?? Number.NEGATIVE_INFINITY)) return first
  const second = await exactly(until(time), first.solution)
  const better = second.energy < first.energy
  if (better) options.onProgress?.({ energy: second.energy, seconds: elapsed() })
  // What found it is what is named.
  const { solver, engine, solution } = better || second.proven ? second : first
  return finish({ solution, solver, engine, proven: second.proven, sweeps: first.sweeps, warnings: first.warnings })
}

async function searched(
  model: QuadraticModel,
  solver: Exclude<SolverName, 'auto' | 'exact'>,
  options: SolveOptions & { readonly time: number },
  engine: Engine,
): Promise<Omit<QuadraticResult, 'energy' | 'seconds'>> {
  const started = performance.now()
  const { seed = 1, sweeps, reads = 1, betaRange, target, signal, onProgress } = options
  const problem = integerProblem(model, !(solver === 'simulated-annealing' && oneByOne(sweeps, reads)))
  const loaded = engine.load(problem)
  const threads = Math.max(1, Math.min(options.threads ?? engine.threads, engine.threads))
  const time = options.time - (performance.now() - started) / 1000
  const search = startSearch(
    { model, problem, loaded, threads },
    { time, seed, sweeps, reads, betaRange, target, signal, onProgress },
  )
  await heuristics[solver](search)
  if (search.best().whole === Number.POSITIVE_INFINITY) await somewhere(search)
  const { solution } = search.best()
  const warnings = problem.lost === 0 ? [] : [lostWarning(problem.lost)]
  return { solution, solver, proven: false, sweeps: search.counted, engine: engine.name, warnings }
}

/** Time was over before it began: downhill from somewhere is better than nothing. */
async function somewhere(search: Search): Promise<void> {
  const sampler = search.loaded.sampler('scan', search.seed, 0)
  await sampler.run(new Float32Array(3).fill(1e6))
  search.offer(sampler)
}

const lostWarning = (lost: number): string =>
  `${lost === 1 ? 'One coefficient is' : `${lost} coefficients are`} less than a billionth of the largest sum of them, so the search did not see ${lost === 1 ? 'it' : 'them'}. Bring the coefficients closer together.`
