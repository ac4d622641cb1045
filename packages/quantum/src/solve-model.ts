import type { CompiledModel } from './model/compile.js'
import type { Model } from './model/model.js'
import { polish } from './model/polish.js'
import { type ModelSolution, readSolution } from './model/validate.js'
import type { QuadraticModel } from './quadratic.js'
import type { ModelResult, QuadraticResult, SolveOptions } from './solve.js'
import { mostToProve } from './solve-whole.js'

/** Penalties that were too light are made heavier. The last weight, at least the last of these, is one that is always enough. */
const heavier = [1, 3, 10, 40] as const

/**
 * Solves a model with constraints. Every weight of penalties gets a quarter of the time; the first one that gives an answer which
 * breaks nothing gets the rest. With `sweeps` every weight gets all of them, until nothing is broken. Where slacks in coarser units
 * help a search to see the objective, a first quarter goes to those. What is found is polished among what breaks nothing.
 */
export async function solveModel(
  model: Model,
  options: SolveOptions,
  solveQuadratic: (qubo: QuadraticModel, options: SolveOptions) => Promise<QuadraticResult>,
): Promise<ModelResult> {
  const started = performance.now()
  const elapsed = () => (performance.now() - started) / 1000
  const time = options.time ?? (options.sweeps === undefined ? 1 : undefined)
  const { signal, seed = 1 } = options
  let best: ModelResult | undefined
  let sweeps = 0

  // What proves has to have its time in one piece.
  const part = options.solver === 'exact' ? 1 : 1 / 4
  const share = () => (time === undefined ? undefined : Math.min(time - elapsed(), time * part))
  const over = () => signal?.aborted === true || (time !== undefined && elapsed() >= time)
  const done = (): ModelResult => ({ ...best!, seconds: elapsed(), sweeps })
  const attempt = async (compiled: CompiledModel, seconds: number | undefined, run: number) => {
    const from = elapsed()
    const result = await solveQuadratic(compiled.qubo, {
      ...options,
      time: seconds === undefined ? undefined : Math.max(1e-3, seconds),
      seed: seed + run,
      onProgress: options.onProgress && (({ energy, seconds }) => options.onProgress!({ energy, seconds: from + seconds })),
    })
    sweeps += result.sweeps
    const own = result.solution.slice(0, model.variables.length)
    const polished = result.proven && !compiled.rounded ? own : await polish(model, own, over)
    const read = readSolution(compiled, polished)
    const proven = result.proven && read.feasible && !compiled.rounded
    if (best === undefined || isBetter(read, best))
      best = {
        ...result,
        ...read,
        solution: polished,
        energy: read.feasible ? read.objective : result.energy,
        proven,
        warnings: compiled.warnings.length > 0 ? compiled.warnings : result.warnings,
      }
    else if (proven) best = { ...best, proven }
    return { feasible: read.feasible, proven }
  }

  const plain = model.compile()
  const coarse = options.solver === 'exact' || plain.qubo.size <= mostToProve ? plain : model.compile({ coarse: true })
  if (coarse.rounded) {
    await attempt(coarse, share(), 0)
    if (over()) return done()
  }

  const chosen = model.constraints.some(({ weight }) => weight === undefined)
  const factors = chosen ? heavier : ([1] as const)
  for (const [k, weightFactor] of factors.entries()) {
    const last = k === factors.length - 1
    // The last one is as heavy as need be.
    const compiled = k === 0 ? plain : model.compile({ weightFactor, sure: last && chosen })
    const { feasible, proven } = await attempt(compiled, last && time !== undefined ? time - elapsed() : share(), 0)
    if (over()) break
    if (!feasible) continue
    if (!proven && !last && time !== undefined) await attempt(compiled, time - elapsed(), 1)
    break
  }
  return done()
}

function isBetter(one: ModelSolution, other: ModelSolution): boolean {
  const [a, b] = [violationOf(one), violationOf(other)]
  return a === b ? one.objective < other.objective : a < b
}

const violationOf = ({ broken }: ModelSolution) => broken.reduce((sum, { violation }) => sum + violation, 0)
