import { usageError } from '@qt/core'
import { type DecideOptions, type Decision, decide } from './decide.js'
import {
  type ExampleGroup,
  freezingProblem,
  rankProblem,
  samplingProblem,
  samplingWeights,
  type TrainedModule,
} from './stage-problem.js'

/** How a stage trains. */
export interface StageSettings {
  readonly stage: number
  readonly steps: number
  /** By group; 1 is its share of the data. */
  readonly sampling: ReadonlyMap<string, number>
  /** Modules that stay as they are. */
  readonly frozen: ReadonlySet<string>
  /** The ranks of adapters that get another one. */
  readonly ranks: ReadonlyMap<string, number>
}

/** What trains, in terms of states that can be gone back to: folders of checkpoints, say. */
export interface StagedTrainer<State> {
  train(from: State, settings: StageSettings): Promise<State>
  statistics(state: State): Promise<{ readonly groups: readonly ExampleGroup[]; readonly modules?: readonly TrainedModule[] }>
  /** On examples that are never trained on. */
  heldOutLoss(state: State): Promise<number>
}

export interface StagesOptions extends Omit<DecideOptions, 'sizeLimit'> {
  readonly steps: number
  /** Steps of a stage: so often statistics are gathered and a decision is made; 100. */
  readonly optimizationFrequency?: number | undefined
  /** The most bits of a QUBO at once; 1000. */
  readonly quboSizeLimit?: number | undefined
  /** The share of parameters that is trained; 1: no module is frozen. */
  readonly trainedShare?: number | undefined
  /** Let adapters give rank to each other, with as many parameters in all. */
  readonly moveRanks?: boolean | undefined
  /** Train every stage plainly as well, and keep what is better: twice the work, and the effect of each decision is known. */
  readonly control?: boolean | undefined
  readonly onStage?: ((report: StageReport) => void) | undefined
}

export interface StageReport {
  readonly stage: number
  readonly steps: number
  /** Held-out losses: before the stage, after it as decided, and after it as it would have been. */
  readonly before: number
  readonly decided: number
  readonly plain?: number | undefined
  /** False: the stage was rolled back, and trained plainly. */
  readonly kept: boolean
  readonly sampling: Readonly<Record<string, number>>
  readonly frozen: readonly string[]
  /** Ranks that changed. */
  readonly ranks: Readonly<Record<string, number>>
  /** What was measured of the modules before the stage. */
  readonly gradientNorms: Readonly<Record<string, number>>
  /** Of the sampling. */
  readonly decision: Decision
  readonly freezing?: Decision | undefined
  readonly ranking?: Decision | undefined
}

export interface StagedResult<State> {
  readonly state: State
  readonly stages: readonly StageReport[]
}

/**
 * Training that stops every so many steps to decide what the next ones see and change: gathers statistics, formulates, solves, applies, measures
 * on held-out examples, and goes back where it did not help.
 *
 * @example
 * ```ts
 * import { trainInStages } from '@qt/quantum/decisions'
 *
 * // A toy: each group is learned by as much as it is seen.
 * const trainer = {
 *   train: async (from: number[], { sampling }: { sampling: ReadonlyMap<string, number> }) =>
 *     from.map((loss, i) => loss * 0.8 ** sampling.get(`g${i}`)!),
 *   statistics: async (state: number[]) => ({ groups: state.map((loss, i) => ({ name: `g${i}`, tokens: 10, loss })) }),
 *   heldOutLoss: async (state: number[]) => state.reduce((a, b) => a + b),
 * }
 * const { stages } = await trainInStages(trainer, [4, 1, 1], { steps: 20, optimizationFrequency: 10, time: 0.05 })
 * stages[0]!.sampling.g0 // 2: most is left to learn there
 * ```
 */
export async function trainInStages<State>(
  trainer: StagedTrainer<State>,
  start: State,
  options: StagesOptions,
): Promise<StagedResult<State>> {
  const { steps, optimizationFrequency = 100, quboSizeLimit = 1000, control = false, signal } = options
  for (const [field, value] of Object.entries({ steps, optimizationFrequency, quboSizeLimit }))
    if (!(Number.isInteger(value) && value > 0))
      throw usageError('QUBO_OPTION', `"${field}" is ${value}.`, {
        where: { field },
        actions: ['Give a whole number from 1 on.'],
      })
  const stages: StageReport[] = []
  let state = start
  let before = await trainer.heldOutLoss(start)
  let lossesBefore = new Map<string, number>()
  for (let done = 0, stage = 1; done < steps; stage++) {
    signal?.throwIfAborted()
    const length = Math.min(optimizationFrequency, steps - done)
    const { groups, modules = [] } = await trainer.statistics(state)
    const decided = await settle(groups, modules, { ...options, sizeLimit: quboSizeLimit }, lossesBefore)
    const { sampling, frozen, ranks } = decided
    const changed = frozen.size > 0 || ranks.size > 0 || [...sampling.values()].some((weight) => weight !== 1)
    const plainly = () =>
      trainer.train(state, {
        stage,
        steps: length,
        sampling: new Map(groups.map(({ name }) => [name, 1])),
        frozen: new Set(),
        ranks: new Map(),
      })
    let next = changed ? await trainer.train(state, { stage, steps: length, sampling, frozen, ranks }) : await plainly()
    const reached = await trainer.heldOutLoss(next)
    let after = reached
    let plain: number | undefined
    let kept = changed
    // Not lower, or no number at all.
    if (changed && (control || !(reached < before))) {
      const other = await plainly()
      plain = await trainer.heldOutLoss(other)
      if (!(reached < before && reached < plain)) [next, after, kept] = [other, plain, false]
    }
    const report: StageReport = {
      ...{ stage, steps: length, before, decided: reached, plain, kept },
      sampling: Object.fromEntries(sampling),
      frozen: [...frozen],
      ranks: Object.fromEntries(ranks),
      gradientNorms: Object.fromEntries(modules.map(({ name, gradientNorm }) => [name, gradientNorm])),
      ...{ decision: decided.decision, freezing: decided.freezing, ranking: decided.ranking },
    }
    stages.push(report)
    options.onStage?.(report)
    lossesBefore = new Map(groups.map(({ name, loss }) => [name, loss]))
    ;[state, before, done] = [next, after, done + length]
  }
  return { state, stages }
}

/** What a stage sees, which modules it leaves as they are, and which ranks move. */
async function settle(
  groups: readonly ExampleGroup[],
  modules: readonly TrainedModule[],
  options: DecideOptions & Pick<StagesOptions, 'trainedShare' | 'moveRanks'>,
  lossesBefore: ReadonlyMap<string, number>,
) {
  const { trainedShare = 1, moveRanks = false } = options
  const problem = samplingProblem(groups.map((group) => ({ lossBefore: lossesBefore.get(group.name), ...group })))
  const decision = await decide(problem, options)
  const sampling = new Map(groups.map(({ name }, g) => [name, samplingWeights[decision.best.choice[g]!]!]))
  const freezing =
    trainedShare < 1 && modules.length > 0 ? await decide(freezingProblem(modules, trainedShare), options) : undefined
  const frozen = new Set(modules.flatMap(({ name }, m) => (freezing?.best.choice[m] === 0 ? [name] : [])))
  // What is frozen keeps its rank, too.
  const free = modules.filter(({ name }) => !frozen.has(name))
  const ranking = moveRanks && free.some(({ ranks }) => ranks) ? await decide(rankProblem(free), options) : undefined
  const ranks = new Map(
    free.flatMap(({ name, rank, ranks: all }, m): [string, number][] => {
      const chosen = ranking && all?.[ranking.best.choice[m]!]
      return chosen && chosen.rank !== rank ? [[name, chosen.rank]] : []
    }),
  )
  return { decision, sampling, freezing, frozen, ranking, ranks }
}
