import { QtError, usageError } from '@qt/core'
import { decompose } from './decompose.js'
import type { Engine } from './engine/engine.js'
import type { Expression } from './model/expression.js'
import type { Model } from './model/model.js'
import type { BrokenConstraint } from './model/validate.js'
import { presolve } from './presolve.js'
import { energyOf, type QuadraticModel, type Solution } from './quadratic.js'
import { solveModel } from './solve-model.js'
import { solveWhole } from './solve-whole.js'
import { isNarrow } from './solvers/exact.js'
import { type SolverName, solverNames } from './solvers/index.js'
import type { Progress } from './solvers/search.js'

export interface SolveOptions {
  readonly solver?: SolverName | undefined
  /** Seconds, at most; 1 unless `sweeps` is given. */
  readonly time?: number | undefined
  readonly seed?: number | undefined
  /**
   * A fixed amount of work instead of a time: the result is the same on every machine, with any number of threads. A sweep of branch and
   * bound is 1024 nodes.
   */
  readonly sweeps?: number | undefined
  /** Runs of so many sweeps; 1 unless told. */
  readonly reads?: number | undefined
  /** Of simulated annealing with `sweeps`: β grows by a factor from the first to the second; chosen from the model unless given. */
  readonly betaRange?: readonly [number, number] | undefined
  /** An energy that is good enough to stop at. */
  readonly target?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
  /** Decide first what is certain, and solve what is left; so for `auto` unless told. */
  readonly presolve?: boolean | undefined
  /** Larger models are solved piece by piece, at most so many variables at a time. */
  readonly sizeLimit?: number | undefined
  /** At most so many at the same time; as many as the process may use unless told. */
  readonly threads?: number | undefined
  /** `wasm` where the addon is to be left aside. */
  readonly engine?: 'native' | 'wasm' | undefined
}

export interface QuadraticResult {
  readonly energy: number
  /** 0 or 1 for each variable; 0 is −1 for spins. */
  readonly solution: Solution
  readonly solver: SolverName
  /** Nothing lower exists. */
  readonly proven: boolean
  readonly seconds: number
  /** Sweeps (or steps, of tabu search) done. */
  readonly sweeps: number
  /** What ran: the instruction set, or `wasm`. */
  readonly engine: string
  /** What the search could not see, and what to do about it. None as a rule. */
  readonly warnings: readonly string[]
}

/** Its solution is that of the model's own variables; its energy is the objective, with penalties where something is broken. */
export interface ModelResult extends QuadraticResult {
  /** Without penalties, as it was given: what is maximised is negative. */
  readonly objective: number
  readonly feasible: boolean
  readonly broken: readonly BrokenConstraint[]
  /** Of a variable or an expression. */
  value(expression: Expression): number
}

export interface Solve {
  (model: Model, options?: SolveOptions): Promise<ModelResult>
  (model: QuadraticModel, options?: SolveOptions): Promise<QuadraticResult>
}

/** Finds the engine that is asked for; the first that is there when none is. */
export type FindEngine = (wanted: 'native' | 'wasm' | undefined) => Promise<Engine>

const isModel = (model: Model | QuadraticModel): model is Model => 'compile' in model

/** `solve` for one kind of machine; what it is documented at is where it is exported. */
export function makeSolve(findEngine: FindEngine): Solve {
  async function solve(model: Model, options?: SolveOptions): Promise<ModelResult>
  async function solve(model: QuadraticModel, options?: SolveOptions): Promise<QuadraticResult>
  async function solve(model: Model | QuadraticModel, options: SolveOptions = {}): Promise<ModelResult | QuadraticResult> {
    checkOptions(options)
    const quadratic = (qubo: QuadraticModel, inside: SolveOptions) => solveQuadratic(qubo, inside, findEngine)
    return isModel(model) ? solveModel(model, options, quadratic) : quadratic(model, options)
  }
  return solve
}

/** Looking for what is certain takes maps of all couplings: too much for the largest models. */
const mostToPresolve = 200_000

/** Presolves and decomposes where that is asked for, and solves. */
async function solveQuadratic(model: QuadraticModel, options: SolveOptions, findEngine: FindEngine): Promise<QuadraticResult> {
  const started = performance.now()
  const auto = (options.solver ?? 'auto') === 'auto' && !isNarrow(model) && model.values.length <= mostToPresolve
  const rest = (options.presolve ?? auto) ? presolve(model) : undefined
  const { sizeLimit } = options
  const given = rest?.model ?? model
  const most = options.time ?? (options.sweeps === undefined ? 1 : undefined)
  const time = most === undefined ? undefined : Math.max(1e-3, most - (performance.now() - started) / 1000)
  const inside = { ...options, time }
  const result =
    given.size === 0
      ? decidedAlready(given)
      : sizeLimit !== undefined && given.size > sizeLimit
        ? await solveInPieces(given, sizeLimit, inside, findEngine)
        : await solveWhole(given, inside, findEngine)
  const solution = rest ? rest.restore(result.solution) : result.solution
  return { ...result, solution, energy: energyOf(model, solution), seconds: (performance.now() - started) / 1000 }
}

/** Presolving left nothing. */
const decidedAlready = ({ offset }: QuadraticModel): QuadraticResult => ({
  energy: offset,
  solution: new Uint8Array(0),
  solver: 'exact',
  proven: true,
  seconds: 0,
  sweeps: 0,
  engine: 'typescript',
  warnings: [],
})

async function solveInPieces(
  model: QuadraticModel,
  limit: number,
  options: SolveOptions,
  findEngine: FindEngine,
): Promise<QuadraticResult> {
  const { seed = 1, sweeps, reads = 1, time, target, signal, onProgress } = options
  const engine = await findEngine(options.engine)
  const wanted = options.solver ?? 'auto'
  let counted = 0
  const warnings = new Set<string>()
  const solution = await decompose(model, {
    limit,
    seed,
    time,
    rounds: sweeps === undefined ? undefined : reads * 4 * Math.ceil(model.size / limit),
    target,
    signal,
    onProgress,
    async solvePart(part, { round, remaining }) {
      const work = { sweeps: sweeps ?? 200, reads: 16, time: Math.max(1e-3, remaining) }
      const found = await solveWhole(
        part,
        { ...options, ...work, seed: seed + round, target: undefined, onProgress: undefined },
        findEngine,
        // What is optimal beside the others' present values is gone with them: a proof would be wasted.
        false,
      )
      counted += found.sweeps
      for (const warning of found.warnings) warnings.add(warning)
      return found.solution
    },
  })
  return {
    energy: energyOf(model, solution),
    solution,
    solver: wanted,
    proven: false,
    seconds: 0,
    sweeps: counted,
    engine: engine.name,
    warnings: [...warnings],
  }
}

const mostOfAnything = 1e9

export function checkOptions({ solver, time, seed, sweeps, reads, threads, sizeLimit, betaRange }: SolveOptions): void {
  if (solver !== undefined && !solverNames.includes(solver))
    throw usageError('QUBO_SOLVER', `There is no solver "${solver}".`, { actions: [`Use ${solverNames.join(', ')}.`] })
  const positive = { time, sweeps, reads, threads, sizeLimit }
  for (const [name, value] of Object.entries(positive))
    if (value !== undefined && !(value > 0 && (name === 'time' || (Number.isInteger(value) && value <= mostOfAnything))))
      throw usageError('QUBO_OPTION', `"${name}" is ${value}.`, {
        where: { field: name },
        actions: [name === 'time' ? 'Give a positive number of seconds.' : `Give a whole number from 1 to ${mostOfAnything}.`],
      })
  if (betaRange && !(betaRange[0] > 0 && betaRange[1] >= betaRange[0]))
    throw usageError('QUBO_OPTION', `"betaRange" is ${betaRange.join(' to ')}.`, {
      where: { field: 'betaRange' },
      actions: ['Give two positive numbers, the smaller one, which is hotter, first.'],
    })
  if (seed !== undefined && !(Number.isSafeInteger(seed) && seed >= 0))
    throw usageError('QUBO_OPTION', `"seed" is ${seed}.`, {
      where: { field: 'seed' },
      actions: ['Give a whole number from 0 on.'],
    })
}

export const noNative = (reason: string) =>
  new QtError({
    code: 'QUBO_NO_NATIVE',
    message: 'The native kernels are not here.',
    actions: [
      { label: 'In a clone of the repository, build them.', command: 'npm run build' },
      "Or leave { engine: 'native' } out: WebAssembly does the work.",
    ],
    cause: new Error(reason),
  })
