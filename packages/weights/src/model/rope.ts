import { type ModelSpec, usageError } from '@qt/core'

const largestHead = 65536

/** How a model changes its rotary frequencies for longer contexts. */
export type RopeScaling =
  | { readonly kind: 'none' }
  | { readonly kind: 'linear'; readonly factor: number }
  | {
      readonly kind: 'llama3'
      readonly factor: number
      readonly lowFrequencyFactor: number
      readonly highFrequencyFactor: number
      readonly originalContext: number
    }
  /** Divisors given pair by pair, as GGUF's rope_freqs.weight. */
  | { readonly kind: 'divisors'; readonly divisors: readonly number[] }
  | {
      readonly kind: 'yarn'
      readonly factor: number
      readonly originalContext: number
      readonly betaFast: number
      readonly betaSlow: number
      readonly attentionFactor: number
      /** Whether the borders of the ramp are whole pairs. */
      readonly truncate: boolean
    }
  /** Divisors for texts within the original context, and for longer ones. */
  | {
      readonly kind: 'longrope'
      readonly short: readonly number[]
      readonly long: readonly number[]
      readonly originalContext: number
      readonly attentionFactor: number
    }

/** What a spec says of a rope. */
export function scaledRope(
  theta: number,
  dimensions: number,
  scaling: RopeScaling,
): Pick<ModelSpec['rope'], 'frequencies' | 'attentionFactor' | 'long'> {
  const frequencies = ropeFrequencies(theta, dimensions, scaling)
  if (scaling.kind === 'yarn') return { frequencies, attentionFactor: scaling.attentionFactor, long: null }
  if (scaling.kind !== 'longrope') return { frequencies, attentionFactor: 1, long: null }
  const { long, originalContext, attentionFactor } = scaling
  const beyond = ropeFrequencies(theta, dimensions, { kind: 'divisors', divisors: long })
  return { frequencies, attentionFactor, long: { beyond: originalContext, frequencies: beyond, attentionFactor } }
}

/** Radians per position of each pair: theta^(-2i/d), scaled. */
export function ropeFrequencies(theta: number, dimensions: number, scaling: RopeScaling): number[] {
  const divisors = ropeDivisors(theta, dimensions, scaling)
  return divisors.map((by, pair) => baseFrequency(theta, dimensions, pair) / by)
}

const baseFrequency = (theta: number, dimensions: number, pair: number): number => theta ** ((-2 * pair) / dimensions)

/** What each pair's frequency is divided by. */
export function ropeDivisors(theta: number, dimensions: number, scaling: RopeScaling): number[] {
  if (dimensions > largestHead)
    throw usageError('MODEL_INVALID', `Heads of ${dimensions} dimensions are more than any model has (${largestHead}).`)
  const divide = divisorOf(theta, dimensions, scaling)
  return Array.from({ length: dimensions / 2 }, (_, pair) => divide(pair))
}

function divisorOf(theta: number, dimensions: number, scaling: RopeScaling): (pair: number) => number {
  switch (scaling.kind) {
    case 'none':
      return () => 1
    case 'linear':
      return () => scaling.factor
    case 'divisors':
      return (pair) => scaling.divisors[pair] ?? 1
    case 'longrope':
      return (pair) => scaling.short[pair] ?? 1
    case 'llama3':
      return (pair) => llama3Divisor(baseFrequency(theta, dimensions, pair), scaling)
    case 'yarn':
      return yarnDivisor(theta, dimensions, scaling)
  }
}

/** Llama 3.1: long wavelengths are stretched by `factor`, short ones kept, those between interpolated. */
function llama3Divisor(frequency: number, scaling: Extract<RopeScaling, { kind: 'llama3' }>): number {
  const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalContext } = scaling
  const turns = (originalContext * frequency) / (2 * Math.PI)
  if (turns > high) return 1
  if (turns < low) return factor
  const smooth = (turns - low) / (high - low)
  return 1 / ((1 - smooth) / factor + smooth)
}

/** YaRN (Peng et al., arXiv 2309.00071): a ramp over the pairs, from kept to divided. */
function yarnDivisor(
  theta: number,
  dimensions: number,
  scaling: Extract<RopeScaling, { kind: 'yarn' }>,
): (pair: number) => number {
  const { factor, originalContext, betaFast, betaSlow, truncate } = scaling
  const border = (turns: number) => (dimensions * Math.log(originalContext / (turns * 2 * Math.PI))) / (2 * Math.log(theta))
  const low = Math.max(truncate ? Math.floor(border(betaFast)) : border(betaFast), 0)
  const high = Math.min(truncate ? Math.ceil(border(betaSlow)) : border(betaSlow), dimensions - 1)
  return (pair) => {
    const divided = Math.min(1, Math.max(0, (pair - low) / (high === low ? 0.001 : high - low)))
    return 1 / (divided / factor + 1 - divided)
  }
}

/** YaRN's factor on cos and sin where a file gives none. */
export const yarnAttentionFactor = (factor: number): number => (factor <= 1 ? 1 : 0.1 * Math.log(factor) + 1)

/** LongRoPE's, by how many times the context has grown. */
export const longropeAttentionFactor = (factor: number, originalContext: number): number =>
  factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(originalContext))
