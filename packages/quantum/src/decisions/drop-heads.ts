import { type ChoicePair, type ChoiceProblem, invalid } from './choice-problem.js'
import { type DecideOptions, type Decision, decide } from './decide.js'

/** How each head that is silenced changes what the model says (see `logitSketch`), by layer. */
export type HeadSketches = readonly (readonly Float32Array[])[]

export interface DropHeadsOptions extends DecideOptions {
  /** How many heads to leave out in each layer. */
  readonly count: number
}

export interface DroppedHeads {
  /** By layer the heads that stay: what `pruneModel` takes as `keepHeads`. */
  readonly keep: readonly (readonly number[])[]
  readonly decision: Decision
}

/** More sets of heads than that are more pairs than can be weighed. */
const mostSets = 2000

/**
 * Every layer leaves out as many heads, or the file could not say how wide it is: its options are the sets of `count` of its heads. As of types of tensors
 * (`bitsProblem`) leaving out a set costs about ½ ‖Σ s‖² and two sets their product.
 */
export function dropHeadsProblem(sketches: HeadSketches, count: number): ChoiceProblem {
  const sets = sketches.map((heads, layer) => {
    if (!(Number.isInteger(count) && count >= 0 && count < heads.length))
      throw invalid(`${count} of the ${heads.length} heads of layer ${layer} cannot be left out`)
    return subsets(heads.length, count)
  })
  const total = sets.reduce((sum, { length }) => sum + length, 0)
  if (total > mostSets) throw invalid(`there are ${total} sets of ${count} heads, more than the ${mostSets} that can be weighed`)
  const sums = sets.map((all, layer) => all.map((set) => sumOf(set.map((head) => sketches[layer]![head]!))))
  const pairs: ChoicePair[] = []
  for (const [i, left] of sums.entries())
    for (let j = i + 1; j < sums.length; j++)
      for (const [o, a] of left.entries())
        for (const [p, b] of sums[j]!.entries()) {
          const value = dot(a, b)
          if (value !== 0) pairs.push([i, o, j, p, value])
        }
  return {
    groups: sets.map((all, layer) => ({
      name: `layer ${layer}`,
      options: all.map((set, o) => ({
        name: `without ${set.join(', ') || 'none'}`,
        weight: 0,
        cost: dot(sums[layer]![o]!, sums[layer]![o]!) / 2,
      })),
    })),
    pairs,
  }
}

/**
 * Which heads to leave out of each layer so that a model loses least.
 *
 * @example
 * ```ts
 * import { dropHeads } from '@qt/quantum/decisions'
 *
 * // The first heads of both layers change the model against each other: without both, little is lost.
 * const sketch = (...values: number[]) => Float32Array.from(values)
 * const { keep } = await dropHeads([[sketch(2, 0), sketch(0, 1)], [sketch(-2, 0), sketch(0, 1)]], { count: 1, time: 0.05 })
 * keep // [[1], [1]]
 * ```
 */
export async function dropHeads(sketches: HeadSketches, options: DropHeadsOptions): Promise<DroppedHeads> {
  const decision = await decide(dropHeadsProblem(sketches, options.count), options)
  return { keep: keptHeads(sketches, options.count, decision.best.choice), decision }
}

/** By layer the heads that stay, of a choice among the options of `dropHeadsProblem`. */
export const keptHeads = (sketches: HeadSketches, count: number, choice: readonly number[]): number[][] =>
  sketches.map((heads, layer) => {
    const gone = subsets(heads.length, count)[choice[layer]!]!
    return heads.flatMap((_, head) => (gone.includes(head) ? [] : [head]))
  })

/** All sets of `count` of the numbers below `size`. */
function subsets(size: number, count: number, from = 0): number[][] {
  if (count === 0) return [[]]
  const found: number[][] = []
  for (let first = from; first + count <= size && found.length <= mostSets; first++)
    for (const rest of subsets(size, count - 1, first + 1)) found.push([first, ...rest])
  return found
}

function sumOf(vectors: readonly Float32Array[]): Float32Array {
  const sum = new Float32Array(vectors[0]?.length ?? 0)
  for (const vector of vectors) for (let k = 0; k < sum.length; k++) sum[k]! += vector[k]!
  return sum
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!
  return sum
}
