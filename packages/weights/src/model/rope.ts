import { usageError } from '@qt/core'

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
  return Array.from({ length: dimensions / 2 }, (_, pair) => divisor(baseFrequency(theta, dimensions, pair), pair, scaling))
}

function divisor(frequency: number, pair: number, scaling: RopeScaling): number {
  switch (scaling.kind) {
    case 'none':
      return 1
    case 'linear':
      return scaling.factor
    case 'divisors':
      return scaling.divisors[pair] ?? 1
    case 'llama3':
      return llama3Divisor(frequency, scaling)
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
