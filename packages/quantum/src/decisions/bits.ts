import { type ChoicePair, type ChoiceProblem, lightestOf } from './choice-problem.js'
import { type DecideOptions, type Decision, decide } from './decide.js'

/** What `planUnder` of @qt/quantize asks a planner. */
export interface BitsProblem {
  readonly tensors: readonly {
    readonly name: string
    readonly options: readonly { readonly type: string; readonly bytes: number; readonly cost: number }[]
  }[]
  readonly budget: number
}

export interface BitsOptions extends DecideOptions {
  /** How a tensor as a type changes what the model says (see `logitSketch`); undefined where it is not changed. */
  readonly sketch: (tensor: string, type: string) => Float32Array | undefined
  /** Interactions below this share of the costs of the two count as none; 0.01. */
  readonly interactionsFrom?: number | undefined
  readonly onDecision?: ((decision: Decision) => void) | undefined
}

/**
 * A change Δ of all logits moves the distribution by a KL divergence of about ½ Var(Δ), and changes of several tensors about add up. So with s
 * the changes, measured once for each tensor and type, the divergence of any choice is about ½ ‖Σ s‖²: costs ½ ‖s‖² and, for
 * pairs, the products s·s′. A separable plan is the same without the products.
 */
export function bitsProblem(
  { tensors, budget }: BitsProblem,
  options: Pick<BitsOptions, 'sketch' | 'interactionsFrom'>,
): ChoiceProblem {
  const { sketch, interactionsFrom = 0.01 } = options
  const sketches = tensors.map(({ name, options: all }) => all.map(({ type }) => sketch(name, type)))
  const groups = tensors.map(({ name, options: all }, t) => ({
    name,
    options: all.map(({ type, bytes }, o) => ({ name: type, weight: bytes, cost: half(sketches[t]![o]) })),
  }))
  const pairs: ChoicePair[] = []
  for (let t = 0; t < tensors.length; t++)
    for (let u = t + 1; u < tensors.length; u++)
      for (const [o, a] of sketches[t]!.entries())
        for (const [p, b] of sketches[u]!.entries()) {
          if (!a || !b) continue
          const value = dot(a, b)
          if (Math.abs(value) >= interactionsFrom * Math.sqrt(half(a) * half(b))) pairs.push([t, o, u, p, value])
        }
  return { groups, pairs, budget }
}

/** A planner for `planUnder(model, { planner })` that counts how tensors act together; undefined when nothing fits. */
export const pairwisePlanner =
  (options: BitsOptions) =>
  async (problem: BitsProblem): Promise<readonly number[] | undefined> => {
    const choices = bitsProblem(problem, options)
    if (lightestOf(choices) > problem.budget) return undefined
    const decision = await decide(choices, options)
    options.onDecision?.(decision)
    return decision.best.choice
  }

/** Makes sketches of changes of one model: what depends on that model alone is computed once. See `logitSketch`. */
export function sketcher(before: Float32Array, vocabulary: number, dimensions = 4096): (after: Float32Array) => Float32Array {
  const positions = Math.floor(before.length / vocabulary)
  // √p; what was and stays impossible has the logarithm −∞ and counts nothing.
  const roots = before.map((log) => Math.exp(log / 2))
  const places = new Int32Array(vocabulary)
  const signs = new Float32Array(vocabulary)
  for (let k = 0; k < vocabulary; k++) {
    const hash = mix(k)
    places[k] = hash % dimensions
    signs[k] = (hash >>> 31 === 0 ? 1 : -1) / Math.sqrt(positions)
  }
  return (after) => {
    const sketch = new Float32Array(dimensions)
    for (let position = 0; position < positions; position++) {
      const from = position * vocabulary
      let mean = 0
      for (let k = 0; k < vocabulary; k++) {
        const root = roots[from + k]!
        if (root > 0) mean += root * root * (after[from + k]! - before[from + k]!)
      }
      // Different signs for each position, or what happens at two of them would be taken for the same.
      const turn = mix(position ^ 0x9e3779b9)
      const sign = turn >>> 31 === 0 ? 1 : -1
      for (let k = 0; k < vocabulary; k++) {
        const root = roots[from + k]!
        if (root === 0) continue
        const place = (places[k]! + turn) % dimensions
        sketch[place]! += sign * signs[k]! * root * (after[from + k]! - before[from + k]! - mean)
      }
    }
    return sketch
  }
}

/**
 * What changed between two models, small enough to keep: √p·(Δ − mean of Δ) of every position and token, where Δ is the change of the
 * log-probability and p the probability before, hashed into `dimensions` numbers. Products of sketches are, up to noise of about
 * 1/√dimensions, covariances of Δ, averaged over positions.
 */
export const logitSketch = (before: Float32Array, after: Float32Array, vocabulary: number, dimensions = 4096): Float32Array =>
  sketcher(before, vocabulary, dimensions)(after)

/** KL divergence of the second model from the first, averaged over positions. */
export function meanDivergence(before: Float32Array, after: Float32Array, vocabulary: number): number {
  let sum = 0
  for (let k = 0; k < before.length; k++)
    if (before[k]! > Number.NEGATIVE_INFINITY) sum += Math.exp(before[k]!) * (before[k]! - after[k]!)
  return sum / Math.max(1, before.length / vocabulary)
}

const half = (sketch: Float32Array | undefined): number => (sketch ? dot(sketch, sketch) / 2 : 0)

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!
  return sum
}

function mix(key: number): number {
  let hash = Math.imul(key ^ (key >>> 16), 0x45d9f3b)
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b)
  return (hash ^ (hash >>> 16)) >>> 0
}
