import type { ChoicePair, ChoiceProblem } from './choice-problem.js'
import { type DecideOptions, type Decision, decide } from './decide.js'

export interface Candidate {
  readonly name: string
  readonly tokens: number
  /** How good it is, 0 to 1. */
  readonly quality: number
  /** Of length 1: products say how alike two examples are. `textFeatures`, or the embeddings of a model. */
  readonly features: Float32Array
}

export interface SelectOptions extends DecideOptions {
  /** The most tokens of all that is selected. */
  readonly tokens: number
  /** What being unlike the rest is worth beside quality; 0.5. */
  readonly diversity?: number | undefined
  /** What two selected examples that are the same cost; 1. */
  readonly redundancy?: number | undefined
  /** Similarities below this count as none; 0.15. */
  readonly similarFrom?: number | undefined
}

export interface Selection {
  /** Places of the selected examples among those given. */
  readonly selected: readonly number[]
  readonly tokens: number
  readonly decision: Decision
}

/**
 * Quality and diversity as gains, likeness of two examples (squared) as a cost of the pair. All pairs are looked at: thousands of
 * candidates take seconds.
 */
export function selectionProblem(candidates: readonly Candidate[], options: SelectOptions): ChoiceProblem {
  const { tokens, diversity = 0.5, redundancy = 1, similarFrom = 0.15 } = options
  const pairs: ChoicePair[] = []
  const likeness = new Float64Array(candidates.length)
  for (const [i, a] of candidates.entries())
    for (let j = i + 1; j < candidates.length; j++) {
      const alike = product(a.features, candidates[j]!.features)
      likeness[i]! += alike
      likeness[j]! += alike
      if (alike >= similarFrom) pairs.push([i, 1, j, 1, redundancy * alike * alike])
    }
  const groups = candidates.map(({ name, tokens: own, quality }, i) => {
    const unlike = 1 - likeness[i]! / Math.max(1, candidates.length - 1)
    return {
      name,
      options: [
        { name: 'out', weight: 0, cost: 0 },
        { name: 'in', weight: own, cost: -(quality + diversity * unlike) },
      ],
    }
  })
  return { groups, pairs, budget: tokens }
}

/**
 * Selects training examples under a budget of tokens: good ones, unlike each other.
 *
 * @example
 * ```ts
 * import { selectExamples, textFeatures } from '@qt/quantum/decisions'
 *
 * const texts = ['roll for stealth', 'roll for stealth!', 'the altar glows']
 * const features = textFeatures(texts)
 * const candidates = texts.map((text, i) => ({ name: text, tokens: 4, quality: 1, features: features[i]! }))
 * const { selected } = await selectExamples(candidates, { tokens: 8, time: 0.1 }) // one of the first two, and the third
 * ```
 */
export async function selectExamples(candidates: readonly Candidate[], options: SelectOptions): Promise<Selection> {
  const decision = await decide(selectionProblem(candidates, options), options)
  const { choice, weight } = decision.best
  return { selected: choice.flatMap((taken, i) => (taken === 1 ? [i] : [])), tokens: weight, decision }
}

function product(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!
  return Math.max(0, sum)
}
