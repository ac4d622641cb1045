import { judgePair } from '../judge/judge.js'
import type { Rubric } from '../judge/rubric.js'
import type { AnyModel } from '../likelihood/model.js'
import { costOf, meteredModel, type Price } from '../run/metered-model.js'
import type { Limits } from '../run/run-suites.js'
import { appendRating, prepareRatings, type RatedPair, readRatings } from './ratings.js'

export interface JudgePairsOptions {
  readonly rubric: Rubric
  /** JSONL, as people's ratings are kept; what this judge rated already is not asked again. */
  readonly file: string
  readonly seed?: number
  /** No pair is begun beyond these. */
  readonly limits?: Limits
  readonly price?: Price
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void
}

export interface JudgedPairs {
  /** Pairs that were asked now. */
  readonly judged: number
  /** Of these, how many the judge decided in the same way with the answers in both orders. */
  readonly consistent: number
  readonly tokens: number
  /** The limit that ended it. */
  readonly stopped?: string
}

/**
 * Has a model say of each pair which answer is better, in both orders, and keeps it beside what people say, so that both can be compared.
 *
 * @example
 * ```ts
 * const pairs = ratedPairs(base, tuned)
 * await judgePairs(judge, pairs, { rubric: await loadRubric('quality'), file: 'ratings.jsonl' })
 * summariseRatings(await readRatings('ratings.jsonl')).agreement // between the judge and the people
 * ```
 */
export async function judgePairs(judge: AnyModel, pairs: readonly RatedPair[], options: JudgePairsOptions): Promise<JudgedPairs> {
  const { rubric, file, seed = 1, limits = {}, price, signal, onProgress } = options
  const began = performance.now()
  await prepareRatings(file)
  const rater = judge.name.slice(0, 80)
  const done = new Set((await readRatings(file)).filter((one) => one.rater === rater).map(({ id }) => id))
  const open = pairs.filter(({ id }) => !done.has(id))
  const { model, usage } = meteredModel(judge)
  const reached = (): string | undefined => {
    if (limits.tokens !== undefined && usage.tokens >= limits.tokens) return `the limit of ${limits.tokens} tokens`
    if (limits.seconds !== undefined && (performance.now() - began) / 1000 >= limits.seconds)
      return `the limit of ${limits.seconds} seconds`
    if (limits.cost !== undefined && price && costOf(usage, price) >= limits.cost) return `the limit of cost, ${limits.cost}`
    return undefined
  }
  let [judged, consistent] = [0, 0]
  for (const { id, prompt, a, b } of open) {
    const stopped = reached()
    if (stopped !== undefined) return { judged, consistent, tokens: usage.tokens, stopped }
    const found = await judgePair(model, rubric, { conversation: prompt, a, b }, { seed, ...(signal ? { signal } : {}) })
    await appendRating(file, { id, rater, preference: found.preference })
    if (found.consistent) consistent++
    judged++
    onProgress?.({ done: judged, total: open.length })
  }
  return { judged, consistent, tokens: usage.tokens }
}
