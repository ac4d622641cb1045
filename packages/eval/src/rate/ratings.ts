import { createHash } from 'node:crypto'
import { appendFile, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { uniform, usageError } from '@qt/core'
import { makeFolder } from '@qt/core/node'
import { z } from 'zod'
import { agreement } from '../judge/judge.js'
import type { RunReport } from '../run/report.js'
import { mcnemar } from '../stats/mcnemar.js'
import { type Share, wilson } from '../stats/wilson.js'

/** Two answers to one question. */
export interface RatedPair {
  /** Tells this pair of answers from any other, so that ratings of other runs in the same file are not taken for its own. */
  readonly id: string
  readonly prompt: string
  readonly a: string
  readonly b: string
}

/** The items that both runs answered, and answered differently; what several suites asked in the same words counts once. */
export function ratedPairs(a: RunReport, b: RunReport): RatedPair[] {
  const seen = new Set<string>()
  const pairs = a.suites.flatMap(({ name, items }) => {
    const others = new Map(b.suites.find((suite) => suite.name === name)?.items.map((item) => [item.id, item]))
    return items.flatMap((item): RatedPair[] => {
      const other = others.get(item.id)
      if (item.output === undefined || other?.output === undefined || item.output === other.output) return []
      const pair = { prompt: item.prompt ?? '', a: item.output, b: other.output }
      const mark = createHash('sha256').update(JSON.stringify(pair)).digest('hex').slice(0, 12)
      // What was asked is known of most items; without it nobody knows whether it was the same.
      if (item.prompt !== undefined && seen.has(mark)) return []
      seen.add(mark)
      return [{ id: `${name} ${item.id} ${mark}`, ...pair }]
    })
  })
  if (pairs.length === 0)
    throw usageError('EVAL_NOTHING_IN_COMMON', 'The two runs have no item with different answers, so there is nothing to rate.', {
      actions: ['Run both with the same suites; suites of likelihoods have no answers.'],
    })
  return pairs
}

/** Whether the second answer stands on the left: drawn by seed and rater, so that nobody knows which is which. */
export const isSwapped = (seed: number, rater: string, index: number): boolean =>
  uniform(
    seed,
    'shuffle',
    [...rater].reduce((sum, character) => (sum * 31 + character.codePointAt(0)!) >>> 0, 7),
    index,
  ) < 0.5

const ratingSchema = z.object({ id: z.string(), rater: z.string().min(1).max(80), preference: z.enum(['a', 'b', 'equal']) })
export type Rating = z.infer<typeof ratingSchema>

/** Ratings in a JSONL file; what a crash tore is passed over, and the last one of a rater counts. */
export async function readRatings(file: string): Promise<Rating[]> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  const ratings = new Map<string, Rating>()
  for (const line of text.split('\n')) {
    const rating = readRating(line)
    if (rating) ratings.set(JSON.stringify([rating.id, rating.rater]), rating)
  }
  return [...ratings.values()]
}

function readRating(line: string): Rating | undefined {
  try {
    return ratingSchema.safeParse(JSON.parse(line)).data
  } catch {
    return undefined
  }
}

export const appendRating = (file: string, rating: Rating): Promise<void> => appendFile(file, `${JSON.stringify(rating)}\n`)

/** A file that ratings can be added to: its folder is there, and a line that a crash tore is ended. */
export async function prepareRatings(file: string): Promise<void> {
  await makeFolder(dirname(file))
  await appendFile(file, '')
  const text = await readFile(file, 'utf8')
  if (text !== '' && !text.endsWith('\n')) await appendFile(file, '\n')
}

export interface RatingSummary {
  readonly ratings: number
  readonly raters: readonly string[]
  readonly a: number
  readonly b: number
  readonly equal: number
  /** Of those with a preference: how often b; 95 % interval. */
  readonly preferB: Share
  /** Of "neither is preferred": the sign test, over pairs (the majority of raters counts, so that nobody counts twice). */
  readonly p: number
  readonly verdict: 'better' | 'worse' | 'cannot tell'
  /** Between the raters, over pairs that all of them rated; undefined with one rater or no such pair. */
  readonly agreement: ReturnType<typeof agreement> | undefined
}

/**
 * What people prefer, with the statistics of comparisons; `verdict` is how b stands to a.
 *
 * @example
 * ```ts
 * summariseRatings(await readRatings('ratings.jsonl')).verdict // 'better'
 * ```
 */
export function summariseRatings(ratings: readonly Rating[], alpha = 0.05): RatingSummary {
  const count = (preference: Rating['preference']) => ratings.filter((one) => one.preference === preference).length
  const raters = [...new Set(ratings.map(({ rater }) => rater))].sort()
  const ids = [...new Set(ratings.map(({ id }) => id))]
  const lead = ids.map((id) =>
    ratings
      .filter((one) => one.id === id)
      .reduce((sum, { preference }) => sum + (preference === 'b' ? 1 : preference === 'a' ? -1 : 0), 0),
  )
  const [forA, forB] = [lead.filter((one) => one < 0).length, lead.filter((one) => one > 0).length]
  const { p } = mcnemar(forA, forB)
  const byRater = raters.map(
    (rater) => new Map(ratings.filter((one) => one.rater === rater).map(({ id, preference }) => [id, preference])),
  )
  const shared = ids.filter((id) => byRater.every((own) => own.has(id)))
  return {
    ratings: ratings.length,
    raters,
    a: count('a'),
    b: count('b'),
    equal: count('equal'),
    preferB: wilson(count('b'), count('a') + count('b')),
    p,
    verdict: p < alpha ? (forB > forA ? 'better' : 'worse') : 'cannot tell',
    agreement:
      raters.length > 1 && shared.length > 0 ? agreement(byRater.map((own) => shared.map((id) => own.get(id)!))) : undefined,
  }
}
