import { uniform } from '@qt/core'
import { keptShare } from './kept-share.js'

/** Makes the result of a stretch of a tensor from the same stretch of each input; stretches come in order. */
export type Combine = (inputs: readonly Float32Array[], first: number) => Float32Array

/** Goes through all inputs together, stretch by stretch. */
export type Scan = () => AsyncIterable<{ readonly inputs: readonly Float32Array[]; readonly first: number }>

/** Σ w·x, over Σ w when normalised. */
export function linear(weights: readonly number[], normalise: boolean): Combine {
  const divisor = normalise ? weights.reduce((sum, weight) => sum + weight, 0) : 1
  return (inputs) => {
    const out = new Float32Array(inputs[0]!.length)
    for (let i = 0; i < out.length; i++) {
      let sum = 0
      for (let k = 0; k < inputs.length; k++) sum += weights[k]! * inputs[k]![i]!
      out[i] = sum / divisor
    }
    return out
  }
}

/** The great circle from the first input (t = 0) to the second (t = 1); nearly parallel ones are mixed linearly. */
export async function slerp(t: number, scan: Scan): Promise<Combine> {
  let [aa, bb, ab] = [0, 0, 0]
  for await (const { inputs } of scan()) {
    const [a, b] = [inputs[0]!, inputs[1]!]
    for (let i = 0; i < a.length; i++) {
      aa += a[i]! * a[i]!
      bb += b[i]! * b[i]!
      ab += a[i]! * b[i]!
    }
  }
  const length = (squares: number) => (Math.sqrt(squares) > 1e-8 ? Math.sqrt(squares) : 1)
  const cosine = Math.max(-1, Math.min(1, ab / (length(aa) * length(bb))))
  const angle = Math.acos(cosine)
  const straight = Math.abs(cosine) > 0.9995
  const ofA = straight ? 1 - t : Math.sin((1 - t) * angle) / Math.sin(angle)
  const ofB = straight ? t : Math.sin(t * angle) / Math.sin(angle)
  return (inputs) => inputs[0]!.map((value, i) => ofA * value + ofB * inputs[1]![i]!)
}

export interface TaskOptions {
  /** Of each input but the base, which is the first. */
  readonly weights: readonly number[]
  readonly densities: readonly number[]
  readonly normalise: boolean
  /** After sparsifying, make the sum of magnitudes what it was. */
  readonly rescale: boolean
  readonly lambda: number
  /** Add up only what has the sign of the sum (TIES). */
  readonly consensus: boolean
  readonly sparsify: 'none' | 'magnitude' | 'random'
  /** Of the random choices, one stream for each input. */
  readonly seed: number
  readonly streams: readonly number[]
}

/**
 * base + λ · Σ w·sparse(x − base): task arithmetic (arXiv 2212.04089), with the largest magnitudes kept and signs agreed upon TIES
 * (2306.01708), with random ones kept DARE (2311.03099). The order of operations is mergekit's.
 */
export async function tasks(options: TaskOptions, scan: Scan): Promise<Combine> {
  const { weights, normalise, lambda, consensus } = options
  const sparse: Sparse[] = []
  for (let k = 0; k < weights.length; k++) sparse.push(await sparsifier(options, k, scan))
  const whole = weights.reduce((sum, weight) => sum + weight, 0)
  return (inputs, first) => {
    const base = inputs[0]!
    const deltas = sparse.map((one, k) => one(difference(inputs[k + 1]!, base), first))
    return base.map((value, i) => {
      let sum = 0
      for (let k = 0; k < deltas.length; k++) sum += weights[k]! * deltas[k]![i]!
      let divisor = whole
      if (consensus) {
        const sign = sum >= 0 ? 1 : -1
        sum = 0
        divisor = 0
        for (let k = 0; k < deltas.length; k++) {
          const weighted = weights[k]! * deltas[k]![i]!
          if (Math.sign(weighted) !== sign) continue
          sum += weighted
          divisor += weights[k]!
        }
      }
      if (normalise && Math.abs(divisor) >= (consensus ? Number.MIN_VALUE : 1e-8)) sum /= divisor
      return value + lambda * sum
    })
  }
}

const difference = (values: Float32Array, base: Float32Array): Float32Array => values.map((value, i) => value - base[i]!)

/** Zeroes part of a stretch of one input's differences. */
type Sparse = (delta: Float32Array, first: number) => Float32Array

async function sparsifier(options: TaskOptions, k: number, scan: Scan): Promise<Sparse> {
  const { sparsify, densities, rescale, seed, streams } = options
  const density = densities[k]!
  if (sparsify === 'none' || density >= 1) return (delta) => delta
  const deltas = async function* () {
    for await (const { inputs, first } of scan()) yield { delta: difference(inputs[k + 1]!, inputs[0]!), first }
  }
  const random: Sparse = (delta, first) =>
    delta.map((value, i) => (value !== 0 && uniform(seed, 'noise', streams[k]!, first + i) < density ? value : 0))
  const thinned = async (): Promise<() => Sparse> => {
    if (density <= 0) return () => (delta) => delta.map(() => 0)
    if (sparsify === 'random') return () => random
    let length = 0
    for await (const { delta } of deltas()) length += delta.length
    const share = await keptShare(
      async function* () {
        for await (const { delta } of deltas()) yield delta
      },
      Math.max(1, Math.trunc(density * length)),
    )
    return () => {
      const { keep } = share()
      return (delta) => delta.map((value) => (keep(value) ? value : 0))
    }
  }
  const fresh = await thinned()
  if (!rescale) return fresh()
  let [before, after] = [0, 0]
  const measured = fresh()
  for await (const { delta, first } of deltas()) {
    before += magnitudes(delta)
    after += magnitudes(measured(delta, first))
  }
  const factor = before < 1e-7 || after < 1e-7 ? 1 : before / after
  const last = fresh()
  return (delta, first) => last(delta, first).map((value) => value * factor)
}

const magnitudes = (values: Float32Array): number => values.reduce((sum, value) => sum + Math.abs(value), 0)
