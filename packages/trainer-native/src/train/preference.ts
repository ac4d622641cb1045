import { ignoreLabel } from '@qt/core'
import type { Batch, NativeTrainer } from '../binding.js'
import type { MicroBatch } from './windows.js'

export interface PreferenceOptions {
  readonly objective: 'dpo' | 'orpo'
  /** β of DPO, λ of ORPO. */
  readonly strength: number
  /** Pairs and chosen tokens of the whole window by their weights, by which losses are averaged. */
  readonly pairs: number
  readonly chosenTokens: number
}

/** What a pair costs, and what each token of its two answers adds to that: d loss / d(−log p). */
export interface PairLoss {
  readonly loss: number
  readonly chosen: number
  readonly rejected: number
}

const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))

/**
 * DPO (Rafailov et al., arXiv 2305.18290): −log σ(β((log π_w − log ref_w) − (log π_l − log ref_l))), of sums over the answers' tokens.
 * Losses are sums of −log p.
 */
export function dpoPair(policy: readonly [number, number], reference: readonly [number, number], beta: number): PairLoss {
  const margin = beta * (reference[0] - policy[0] - (reference[1] - policy[1]))
  const push = beta * sigmoid(-margin)
  return { loss: softplus(-margin), chosen: push, rejected: -push }
}

/**
 * The odds ratio of ORPO (Hong et al., arXiv 2403.07691): −λ log σ(log odds_w − log odds_l), where odds = p/(1 − p) and log p is the
 * mean over an answer's tokens.
 */
export function orpoPair(policy: readonly [number, number], tokens: readonly [number, number], lambda: number): PairLoss {
  // An answer that is certain would have infinite odds.
  const mean = policy.map((loss, side) => Math.min(-loss / tokens[side as 0 | 1], -1e-7))
  const [chosen, rejected] = mean.map((logp) => ({ odds: logp - Math.log(-Math.expm1(logp)), slope: -1 / Math.expm1(logp) }))
  const margin = chosen!.odds - rejected!.odds
  const push = lambda * sigmoid(-margin)
  return {
    loss: lambda * softplus(-margin),
    chosen: (push * chosen!.slope) / tokens[0],
    rejected: (-push * rejected!.slope) / tokens[1],
  }
}

/** Tokens with loss of each document. */
export function tokensOf({ labels, borders }: Pick<MicroBatch, 'labels' | 'borders'>): number[] {
  return Array.from({ length: borders.length - 1 }, (_, d) =>
    labels.subarray(borders[d]!, borders[d + 1]!).reduce((sum, label) => sum + (label >= 0 ? 1 : 0), 0),
  )
}

type Pairs = Pick<MicroBatch, 'labels' | 'borders' | 'weights'>

/** What each pair counts. */
const weightsOf = ({ borders, weights }: Pairs): number[] =>
  Array.from({ length: (borders.length - 1) / 2 }, (_, pair) => weights?.[borders[2 * pair]!] ?? 1)

/** Pairs of a micro-batch, and the tokens of their chosen answers, by their weights. */
export function countsOfPairs(batch: Pairs): { pairs: number; chosenTokens: number } {
  const tokens = tokensOf(batch)
  const counts = { pairs: 0, chosenTokens: 0 }
  for (const [pair, weight] of weightsOf(batch).entries()) {
    counts.pairs += weight
    counts.chosenTokens += weight * tokens[2 * pair]!
  }
  return counts
}

/** The same rows, of which only the chosen answers carry loss. */
export function chosenOnly({ ids, labels: both, borders, weights }: MicroBatch): Batch {
  const labels = both.slice()
  for (let d = 1; d < borders.length - 1; d += 2) labels.fill(ignoreLabel, borders[d]!, borders[d + 1]!)
  return { ids, labels, borders, weights }
}

interface WeighedPair extends PairLoss {
  readonly weight: number
}

/** The losses of a micro-batch's pairs, or undefined when stopped; with `micro`, dropout and noise are those of that micro-batch. */
export async function pairLosses(
  trainer: NativeTrainer,
  batch: MicroBatch,
  { objective, strength }: Pick<PreferenceOptions, 'objective' | 'strength'>,
  micro?: number,
): Promise<{ pairs: WeighedPair[]; chosenLoss: number } | undefined> {
  const plain = { ids: batch.ids, labels: batch.labels, borders: batch.borders }
  const policy = await trainer.evaluate(plain, { adapters: true, ...(micro === undefined ? {} : { micro }) })
  // The reference is the same model without its adapter: no second copy.
  const reference = objective === 'dpo' && policy.finished ? await trainer.evaluate(plain, { adapters: false }) : policy
  if (!policy.finished || !reference.finished) return undefined
  const tokens = tokensOf(batch)
  const two = (of: ArrayLike<number>, pair: number): [number, number] => [of[2 * pair]!, of[2 * pair + 1]!]
  const weights = weightsOf(batch)
  const pairs = weights.map((weight, pair) => ({
    weight,
    ...(objective === 'dpo'
      ? dpoPair(two(policy.documents, pair), two(reference.documents, pair), strength)
      : orpoPair(two(policy.documents, pair), two(tokens, pair), strength)),
  }))
  return { pairs, chosenLoss: weights.reduce((sum, weight, pair) => sum + weight * policy.documents[2 * pair]!, 0) }
}

/** How often `pairLosses` looks through a batch. */
export const looksOf = (objective: PreferenceOptions['objective']): number => (objective === 'dpo' ? 2 : 1)

/** Adds the gradients of a micro-batch's pairs; returns its share of the window's loss, or undefined when stopped. */
export async function preferencePass(
  trainer: NativeTrainer,
  batch: MicroBatch,
  micro: number,
  options: PreferenceOptions,
): Promise<number | undefined> {
  const { objective, pairs: all, chosenTokens } = options
  const found = await pairLosses(trainer, batch, options, micro)
  if (found === undefined) return undefined
  // ORPO also learns the chosen answers as they are.
  const likelihood = objective === 'orpo' ? 1 / chosenTokens : 0
  const weights = new Float32Array(batch.ids.length)
  let loss = likelihood * found.chosenLoss
  for (const [pair, { weight, loss: own, chosen, rejected }] of found.pairs.entries()) {
    weights.fill(weight * (chosen / all + likelihood), batch.borders[2 * pair]!, batch.borders[2 * pair + 1]!)
    weights.fill((weight * rejected) / all, batch.borders[2 * pair + 1]!, batch.borders[2 * pair + 2]!)
    loss += (weight * own) / all
  }
  const { ids, labels, borders } = batch
  const sum = await trainer.forwardBackward({ ids, labels, borders, weights }, { weight: 1, micro })
  return sum.finished ? loss : undefined
}
