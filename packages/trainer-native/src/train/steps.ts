import { messageOf, type TrainingConfig } from '@qt/core'
import type { NativeTrainer } from '../binding.js'
import { isOutOfMemory } from '../engine-errors.js'
import { placeOf } from '../parallel/groups.js'
import type { Team } from '../parallel/team.js'
import type { FrozenModules } from './frozen-modules.js'
import { type NotFinite, whyNotFinite } from './not-finite.js'
import { parameterGroups } from './parameter-groups.js'
import { chosenOnly, countsOfPairs, looksOf, pairLosses, preferencePass } from './preference.js'
import type { Prepared } from './prepare.js'
import { requireRoom } from './want-of-memory.js'
import { batchesOf, type MicroBatch, type Windows } from './windows.js'

export interface StepResult {
  /** Mean over the trainable tokens of the whole window, by their weights. */
  readonly loss: number
  readonly gradNorm: number
  /** Tokens of the whole window that carry loss, and all of them. */
  readonly trainable: number
  readonly tokens: number
  /** Peak resident bytes, of the process that has the most. */
  readonly memory: number
  /** Bytes of its memory, of the GPU that has given the most; absent on processors. */
  readonly deviceMemory?: number
  /** What is wrong with the numbers, if anything; then nothing has changed. */
  readonly broken?: NotFinite
}

export interface StepInput {
  readonly trainer: NativeTrainer
  readonly plan: Windows
  /** From 1. */
  readonly step: number
  readonly learningRate: number
  readonly config: TrainingConfig
  readonly frozen: FrozenModules | undefined
  readonly team: Team
  readonly signal: AbortSignal
}

/**
 * One optimiser step over its micro-batches, of which each process takes its share; undefined when one of them was stopped before its
 * end, and then nothing has changed in any. Nor has it where one finds no memory, which all throw.
 */
export async function oneStep(input: StepInput): Promise<StepResult | undefined> {
  const { trainer, plan, step, learningRate, config, frozen, team, signal } = input
  const { beta1, beta2, epsilon, gradClip, averageDecay } = config.training
  const { rows } = placeOf(team, team.tensorParallel)
  const batches = plan.window(step, rows)
  const counted = batches.map((batch) => countsOf(batch, config))
  const everybody = await team.gather([signal.aborted ? 1 : 0, ...counted.flat()])
  if (everybody.some(([stopped]) => stopped !== 0)) return undefined
  const totals = sumsOf(
    inTurns(
      firstOfEach(everybody, team).map((counts) => counts.slice(1)),
      5,
    ),
  )
  const { trainable, tokens } = totals
  const pass = passOf(trainer, totals, config)
  const losses: number[] = []
  trainer.begin(plan.count(step))
  let stopped = false
  for (const [index, batch] of batches.entries()) {
    const share = await pass(batch, (step - 1) * plan.microBatches + rows.rank + index * rows.size)
    stopped = share === undefined
    if (share === undefined) break
    losses.push(share)
  }
  const rounds = Math.ceil(plan.count(step) / rows.size)
  if (sharesBase(config, team) && batches.length < rounds) await attend(trainer, config, true)
  const lack = await trainer.exchange()
  const done = await team.gather([
    stopped ? 1 : 0,
    lack === '' ? 0 : 1,
    process.resourceUsage().maxRSS * 1024,
    trainer.deviceMemory(),
    ...losses,
  ])
  if (done.some((one) => one[1] !== 0)) await requireRoom(lack, team)
  if (done.some(([one]) => one !== 0)) {
    trainer.zeroGradients()
    return undefined
  }
  // By the numbers of micro-batches: the same sum whoever took them.
  const shares = inTurns(
    firstOfEach(done, team).map((one) => one.slice(4)),
    1,
  )
  const mean = shares.reduce((sum, share) => sum + share, 0)
  const most = (place: number): number => Math.max(...done.map((one) => one[place]!))
  const deviceMemory = most(3)
  const memory = { memory: most(2), ...(deviceMemory > 0 && { deviceMemory }) }
  const brokenStep = async (what: 'loss' | 'gradient', gradNorm: number): Promise<StepResult> => {
    const reasons = await team.gatherText(JSON.stringify(whyNotFinite(trainer, what)))
    const all = reasons.map((text): NotFinite => JSON.parse(text))
    trainer.zeroGradients()
    return { loss: mean, gradNorm, trainable, tokens, ...memory, broken: all.find(({ found }) => found) ?? all[0]! }
  }
  if (!Number.isFinite(mean)) return brokenStep('loss', Number.NaN)
  const groups = parameterGroups(learningRate, config)
  const updated = async () => {
    frozen?.withoutGradients()
    const clip = gradClip ?? 0
    const norm = await trainer.update({ groups, beta1, beta2, epsilon, clip, averageDecay: averageDecay ?? 0, step })
    frozen?.restore()
    return norm
  }
  const gradNorm = await updated().catch(halfDone)
  return Number.isFinite(gradNorm) ? { loss: mean, gradNorm, trainable, tokens, ...memory } : brokenStep('gradient', gradNorm)
}

const sharesBase = ({ training: { shardBase } }: TrainingConfig, team: Pick<Team, 'rank' | 'size' | 'tensorParallel'>): boolean =>
  shardBase && placeOf(team, team.tensorParallel).rows.size > 1

/** The passes of a micro-batch that others have: their blocks of the base need this process's pieces. */
async function attend(trainer: NativeTrainer, { training: { objective } }: TrainingConfig, gradients: boolean): Promise<void> {
  for (let look = objective === 'next-token' ? 0 : looksOf(objective); look > 0; look--) await trainer.attend(false)
  await trainer.attend(gradients)
}

/** Processes that share blocks have the same rows: what one of each group says. */
const firstOfEach = <Said>(everybody: readonly Said[], { tensorParallel }: Pick<Team, 'tensorParallel'>): Said[] =>
  everybody.filter((_, rank) => rank % tensorParallel === 0)

/** What each process has of its micro-batches, `each` numbers for one, in the order of all micro-batches. */
function inTurns(everybody: readonly (readonly number[])[], each: number): number[] {
  const rounds = Math.max(...everybody.map(({ length }) => length / each))
  return Array.from({ length: rounds }, (_, round) =>
    everybody.flatMap((own) => own.slice(round * each, (round + 1) * each)),
  ).flat()
}

/** An update that failed has changed some numbers and not others: nothing goes on from there, for want of memory neither. */
function halfDone(cause: unknown): never {
  throw isOutOfMemory(cause) ? new Error(messageOf(cause), { cause }) : cause
}

/** What all processes must know of the whole window, in a fixed order; see `sumsOf`. */
function countsOf(batch: MicroBatch, { training: { objective } }: TrainingConfig): number[] {
  const { pairs, chosenTokens } = objective === 'next-token' ? { pairs: 0, chosenTokens: 0 } : countsOfPairs(batch)
  return [batch.weight, batch.trainable, batch.ids.length, pairs, chosenTokens]
}

function sumsOf(counts: readonly number[]) {
  const sum = (which: number) => counts.reduce((total, value, i) => (i % 5 === which ? total + value : total), 0)
  return { weight: sum(0), trainable: sum(1), tokens: sum(2), pairs: sum(3), chosenTokens: sum(4) }
}

/** Adds a micro-batch's gradients and gives its share of the window's loss, or undefined when it was stopped. */
function passOf(
  trainer: NativeTrainer,
  { weight, pairs, chosenTokens }: ReturnType<typeof sumsOf>,
  { training: { objective, preferenceStrength } }: TrainingConfig,
): (batch: MicroBatch, micro: number) => Promise<number | undefined> {
  if (objective === 'next-token') {
    const share = weight === 0 ? 0 : 1 / weight
    return async (batch, micro) => {
      const sum = await trainer.forwardBackward(batch, { weight: share, micro })
      return sum.finished ? sum.loss * share : undefined
    }
  }
  return (batch, micro) => preferencePass(trainer, batch, micro, { objective, strength: preferenceStrength, pairs, chosenTokens })
}

export interface Validation {
  /** As in training. */
  readonly loss: number
  /** Of the tokens that are learned; of pairs those of the chosen answers. */
  readonly perplexity: number
  /** How many of them are the most likely token. */
  readonly tokenAccuracy: number
}

/** What the validation rows say, of which each process takes its share; undefined when one was stopped. */
export async function validate(trainer: NativeTrainer, { rows, config }: Prepared, team: Team): Promise<Validation | undefined> {
  const { batchSize, objective } = config.training
  const length = rows.validation?.length ?? 0
  const { rank, size } = placeOf(team, team.tensorParallel).rows
  const batches = Math.ceil(length / batchSize)
  const border = (rank: number) => Math.floor((batches * rank) / size) * batchSize
  const own: number[][] = []
  let stopped = false
  for (let first = border(rank); first < Math.min(length, border(rank + 1)); first += batchSize) {
    const count = Math.min(batchSize, length - first)
    const [batch] = batchesOf(
      Array.from({ length: count }, (_, i) => rows.validation!.row(first + i)),
      batchSize,
    )
    const sums = await validationSums(trainer, batch!, config)
    stopped = sums === undefined
    if (sums === undefined) break
    own.push(sums)
  }
  const most = Math.max(...Array.from({ length: size }, (_, rank) => border(rank + 1) - border(rank))) / batchSize
  if (sharesBase(config, team)) for (let done = own.length; done < most; done++) await attend(trainer, config, false)
  await requireRoom(trainer.lack(), team)
  const everybody = await team.gather([stopped ? 1 : 0, ...own.flat()])
  if (everybody.some(([one]) => one !== 0)) return undefined
  const all = firstOfEach(everybody, team).flatMap((one) => one.slice(1))
  const sum = (which: number) => all.reduce((total, value, i) => (i % 6 === which ? total + value : total), 0)
  const likelihood = sum(0) / sum(1)
  const preference = objective === 'next-token' ? 0 : sum(4) / sum(5)
  return {
    // ORPO also learns the chosen answers as they are.
    loss: objective === 'dpo' ? preference : likelihood + preference,
    perplexity: Math.exp(likelihood),
    tokenAccuracy: sum(3) / sum(2),
  }
}

/**
 * Of what is learned the sum of −log p, of weights, of tokens and of right ones; of pairs these of the chosen answers, then the sum of their
 * losses and of their weights.
 */
async function validationSums(
  trainer: NativeTrainer,
  batch: MicroBatch,
  { training: { objective, preferenceStrength } }: TrainingConfig,
): Promise<number[] | undefined> {
  const plain = await trainer.evaluate(objective === 'next-token' ? batch : chosenOnly(batch))
  if (!plain.finished) return undefined
  const found =
    objective === 'next-token' ? { pairs: [] } : await pairLosses(trainer, batch, { objective, strength: preferenceStrength })
  if (!found) return undefined
  const preference = found.pairs.reduce((sum, { weight, loss }) => sum + weight * loss, 0)
  const weights = found.pairs.reduce((sum, { weight }) => sum + weight, 0)
  return [plain.loss, plain.weight, plain.tokens, plain.correct, preference, weights]
}
