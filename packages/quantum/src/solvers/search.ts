import type { LoadedProblem, Sampler } from '../engine/engine.js'
import type { IntegerProblem } from '../engine/integer-problem.js'
import type { QuadraticModel, Solution } from '../quadratic.js'

/** A better solution was found. */
export interface Progress {
  readonly energy: number
  /** Since the start. */
  readonly seconds: number
}

export interface SearchOptions {
  /** Seconds, at most. */
  readonly time: number
  readonly seed: number
  /** Sweeps of one run; a fixed amount of work, which makes the result the same everywhere. */
  readonly sweeps: number | undefined
  /** Runs, with `sweeps`. */
  readonly reads: number
  /** Inverse temperatures of the first and the last sweep, of energies of the model. */
  readonly betaRange: readonly [number, number] | undefined
  /** Good enough: the search ends at this energy. */
  readonly target: number | undefined
  readonly signal: AbortSignal | undefined
  readonly onProgress: ((progress: Progress) => void) | undefined
}

/** What a solver works with: the problem, the clock, and the best solution so far. */
export interface Search {
  readonly model: QuadraticModel
  readonly problem: IntegerProblem
  readonly loaded: LoadedProblem
  /** Samplers that may run at the same time. */
  readonly threads: number
  readonly seed: number
  readonly sweeps: number | undefined
  readonly reads: number
  readonly betaRange: readonly [number, number] | undefined
  /** Seconds. */
  elapsed(): number
  remaining(): number
  /** Time is over, the target is reached or the signal was given. */
  ended(): boolean
  /** Takes the sampler's best state when it is better than the best so far. */
  offer(sampler: Sampler): void
  offerSolution(solution: Solution, whole: number): void
  best(): { readonly whole: number; readonly solution: Solution }
  /** Units of work done, for the report. */
  count(sweeps: number): void
  readonly counted: number
}

/** Runs a solver's whole search; what it found is in the search. */
export type SolverFunction = (search: Search) => Promise<void>

export function startSearch(parts: Pick<Search, 'model' | 'problem' | 'loaded' | 'threads'>, options: SearchOptions): Search {
  const { problem } = parts
  const started = performance.now()
  const solution = new Uint8Array(problem.size)
  let whole = Number.POSITIVE_INFINITY
  let counted = 0
  const energy = () => whole / problem.scale + problem.offset
  const elapsed = () => (performance.now() - started) / 1000
  const slack = 1e-9 * Math.max(1, Math.abs(options.target ?? 0))
  const found = () => options.onProgress?.({ energy: energy(), seconds: elapsed() })
  return {
    ...parts,
    seed: options.seed,
    sweeps: options.sweeps,
    reads: options.reads,
    betaRange: options.betaRange,
    elapsed,
    remaining: () => options.time - elapsed(),
    ended: () =>
      options.signal?.aborted === true ||
      elapsed() >= options.time ||
      (options.target !== undefined && energy() <= options.target + slack),
    offer(sampler) {
      if (sampler.bestEnergy() >= whole) return
      whole = sampler.readBest(solution)
      found()
    },
    offerSolution(other, value) {
      if (value >= whole) return
      solution.set(other)
      whole = value
      found()
    },
    best: () => ({ whole, solution }),
    count(sweeps) {
      counted += sweeps
    },
    get counted() {
      return counted
    },
  }
}

/** Runs `work` on as many samplers side by side as there are threads, until the search ends or `work` says so. */
export async function side(search: Search, work: (thread: number) => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: search.threads }, (_, thread) => work(thread)))
}
