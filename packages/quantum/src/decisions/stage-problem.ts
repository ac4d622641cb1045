import { type ChoicePair, type ChoiceProblem, invalid } from './choice-problem.js'

/** Examples that are looked at together. */
export interface ExampleGroup {
  readonly name: string
  readonly tokens: number
  /** Mean loss of a token now. */
  readonly loss: number
  /** Before the last stage, where there was one. */
  readonly lossBefore?: number | undefined
  /** Of length 1: products say how alike two groups are. Left out: no group is like another. */
  readonly features?: Float32Array | undefined
}

/** A part of a model that can be trained or left as it is. */
export interface TrainedModule {
  readonly name: string
  readonly parameters: number
  readonly gradientNorm: number
  /** Of an adapter: its rank now and what it could be. Left out: it stays. */
  readonly rank?: number | undefined
  readonly ranks?: readonly ModuleRank[] | undefined
}

/** A rank that a module can have in the next stage. */
export interface ModuleRank {
  readonly rank: number
  readonly parameters: number
  /** About how much lower the loss is with it than without the module. */
  readonly gain: number
}

/** How often examples of a group are seen, times their share of the data. */
export const samplingWeights = [1, 0.5, 2] as const

/**
 * Which groups the next stage sees more of, and which less, with as many tokens in all. What a group has to teach is its loss (what is left to
 * learn), more where the last stage lowered it (what is being learned), times its share of the tokens; seeing it w times as often
 * gains √w of that. What two groups that are alike teach is partly the same: raising both costs the square of their likeness.
 */
export function samplingProblem(groups: readonly ExampleGroup[]): ChoiceProblem {
  const total = groups.reduce((sum, { tokens }) => sum + tokens, 0)
  const values = groups.map(({ name, tokens, loss, lossBefore = loss }) => {
    if (!(tokens > 0 && Number.isFinite(loss) && Number.isFinite(lossBefore)))
      throw invalid(`the tokens or the loss of the group "${name}" are no numbers`)
    return ((loss + 2 * Math.max(0, lossBefore - loss)) * tokens) / total
  })
  const pairs: ChoicePair[] = []
  for (const [i, { features: a }] of groups.entries())
    for (let j = i + 1; j < groups.length; j++) {
      const b = groups[j]!.features
      const alike = a && b ? Math.max(0, product(a, b)) : 0
      if (alike === 0) continue
      for (const [o, u] of samplingWeights.entries())
        for (const [p, w] of samplingWeights.entries())
          if (u > 1 && w > 1) pairs.push([i, o, j, p, alike * alike * Math.sqrt(values[i]! * values[j]!)])
    }
  return {
    groups: groups.map(({ name, tokens }, g) => ({
      name,
      options: samplingWeights.map((weight) => ({
        name: `${weight} times`,
        weight: weight * tokens,
        cost: -Math.sqrt(weight) * values[g]!,
      })),
    })),
    pairs,
    budget: total,
  }
}

/** Which modules are trained with at most a share of the parameters: those with large gradients. A knapsack, which the verdict says. */
export function freezingProblem(modules: readonly TrainedModule[], share: number): ChoiceProblem {
  if (!(share > 0 && share <= 1)) throw invalid(`the share of parameters to train is ${share}`)
  return {
    groups: modules.map(({ name, parameters, gradientNorm }) => ({
      name,
      options: [
        { name: 'frozen', weight: 0, cost: 0 },
        { name: 'trained', weight: parameters, cost: -(gradientNorm ** 2) },
      ],
    })),
    pairs: [],
    budget: share * modules.reduce((sum, { parameters }) => sum + parameters, 0),
  }
}

/** Which rank each module gets, with as many parameters in all as now. A knapsack, too. */
export function rankProblem(modules: readonly TrainedModule[]): ChoiceProblem {
  return {
    groups: modules.map(({ name, parameters, rank, ranks }) => ({
      name,
      options: ranks?.map((one) => ({ name: `rank ${one.rank}`, weight: one.parameters, cost: -one.gain })) ?? [
        { name: rank === undefined ? 'as it is' : `rank ${rank}`, weight: parameters, cost: 0 },
      ],
    })),
    pairs: [],
    budget: modules.reduce((sum, { parameters }) => sum + parameters, 0),
  }
}

function product(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!
  return sum
}
