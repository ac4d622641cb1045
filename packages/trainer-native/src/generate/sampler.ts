import { type GenerateOptions, QtError, uniform, usageError } from '@qt/core'
import type { Guide } from '../constrain/constraint.js'

export interface Sampler {
  /** The next token from logits; `index` is the position of the answer's token, `seen` what has been read and said. */
  next(logits: Float32Array, index: number, seen: ArrayLike<number>): number
}

/** Tokens back that the repetition penalty looks, as llama.cpp's. */
const repetitionWindow = 64

/**
 * Temperature 0 takes the likeliest token; otherwise the distribution is cut by top-k, top-p and min-p, in this order, and drawn
 * from with random numbers that follow from the seed and the position alone.
 */
export function sampler(options: GenerateOptions, held?: Pick<Guide, 'restrict'>): Sampler {
  requireSensible(options)
  const { temperature = 0.7, topK = 0, topP = 1, minP = 0, repetitionPenalty = 1, seed = 0 } = options
  return {
    next(logits, index, seen) {
      requireFinite(logits)
      if (repetitionPenalty !== 1) penalise(logits, seen, repetitionPenalty)
      held?.restrict(logits)
      if (temperature <= 0) return likeliest(logits)
      const kept = candidates(logits, temperature, topK, minP)
      let total = 0
      for (const { weight } of kept) total += weight
      let limit = total
      if (topP < 1) {
        limit = 0
        let count = 0
        while (count < kept.length && (count === 0 || limit < topP * total)) limit += kept[count++]!.weight
        kept.length = count
      }
      let draw = uniform(seed, 'sample', 0, index) * limit
      for (const { id, weight } of kept) {
        draw -= weight
        if (draw < 0) return id
      }
      return kept.at(-1)!.id
    },
  }
}

function requireFinite(logits: Float32Array): void {
  let sum = 0
  for (let i = 0; i < logits.length; i++) sum += logits[i]! - logits[i]!
  if (sum === 0) return
  throw new QtError({
    code: 'MODEL_NOT_FINITE',
    message: 'The model answers with numbers that are not finite.',
    actions: ['Check the file for damage: qt inspect', 'If it was trained here, go back to an earlier checkpoint.'],
  })
}

function penalise(logits: Float32Array, seen: ArrayLike<number>, penalty: number): void {
  const recent = new Set<number>()
  for (let i = Math.max(0, seen.length - repetitionWindow); i < seen.length; i++) recent.add(seen[i]!)
  for (const id of recent) logits[id] = logits[id]! > 0 ? logits[id]! / penalty : logits[id]! * penalty
}

function likeliest(logits: Float32Array): number {
  let best = 0
  for (let i = 1; i < logits.length; i++) if (logits[i]! > logits[best]!) best = i
  return best
}

interface Candidate {
  readonly id: number
  readonly weight: number
}

/** Tokens with their unnormalised probabilities, likeliest first. */
function candidates(logits: Float32Array, temperature: number, topK: number, minP: number): Candidate[] {
  let highest = Number.NEGATIVE_INFINITY
  for (let i = 0; i < logits.length; i++) if (logits[i]! > highest) highest = logits[i]!
  // What is e⁻²⁰ times as likely as the best is never drawn; leaving it out keeps the sort short.
  const floor = Math.max(minP, 2e-9)
  const lowest = highest + temperature * Math.log(floor)
  const kept: Candidate[] = []
  for (let id = 0; id < logits.length; id++) {
    if (logits[id]! < lowest) continue
    const weight = Math.exp((logits[id]! - highest) / temperature)
    if (weight >= floor) kept.push({ id, weight })
  }
  kept.sort((a, b) => b.weight - a.weight || a.id - b.id)
  if (topK > 0 && kept.length > topK) kept.length = topK
  return kept
}

/** [option, lowest, highest, whole numbers only] */
const ranges = [
  ['maxTokens', 1, Number.MAX_SAFE_INTEGER, true],
  ['temperature', 0, 100, false],
  ['topK', 0, Number.MAX_SAFE_INTEGER, true],
  ['topP', Number.MIN_VALUE, 1, false],
  ['minP', 0, 1, false],
  ['repetitionPenalty', 0.01, 100, false],
  ['seed', 0, Number.MAX_SAFE_INTEGER, true],
] as const

function requireSensible(options: GenerateOptions): void {
  for (const [name, low, high, whole] of ranges) {
    const value = options[name]
    if (value === undefined || (value >= low && value <= high && (!whole || Number.isInteger(value)))) continue
    const upTo = high < 1000 ? ` to ${high}` : ' on'
    throw usageError('GENERATE_OPTION', `${name} cannot be ${value}.`, {
      where: { field: name },
      actions: [`Give a ${whole ? 'whole ' : ''}number from ${low}${upTo}.`],
    })
  }
}
