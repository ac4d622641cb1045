import type { ChatMessage, LanguageModel } from '@qt/core'
import { cohensKappa, fleissKappa, rankCorrelation } from '../stats/agreement.js'
import { template } from '../task/template.js'
import type { Rubric } from './rubric.js'

export interface JudgedAnswer {
  readonly conversation: readonly ChatMessage[]
  readonly answer: string
  readonly reference?: string
}

export interface CriterionScore {
  readonly criterion: string
  readonly judge: string
  /** Between the ends of the scale; undefined when the judge gave none. */
  readonly score: number | undefined
  /** The same between 0 and 1. */
  readonly share: number | undefined
  /** What the judge wrote. */
  readonly reason: string
}

export interface JudgeOptions {
  /** Longest reason; default 200. */
  readonly maxTokens?: number
  readonly seed?: number
  readonly signal?: AbortSignal
}

const shown = (conversation: readonly ChatMessage[] | string): string =>
  typeof conversation === 'string' ? conversation : conversation.map(({ role, content }) => `${role}: ${content}`).join('\n')

async function ask(judge: LanguageModel, content: string, { maxTokens = 200, seed = 1, signal }: JudgeOptions): Promise<string> {
  const { text } = await judge.generate([{ role: 'user', content }], {
    maxTokens,
    temperature: 0,
    seed,
    ...(signal ? { signal } : {}),
  })
  return text.trim()
}

/** The last number behind "Score:", else a last line that is only a number. */
export function readScore(text: string): number | undefined {
  // The scale may stand in between: "Score (1-5): 4".
  const named = [...text.matchAll(/score\s*(?:\([^)]*\))?[^\w-]{0,6}(-?\d+(?:\.\d+)?)/gi)].at(-1)?.[1]
  const found = named ?? /(?:^|\n)\W*(\d+(?:\.\d+)?)\W*$/.exec(text)?.[1]
  return found === undefined ? undefined : Number(found)
}

/**
 * Scores an answer by every criterion of a rubric. A score outside the scale counts as none.
 *
 * @example
 * ```ts
 * const scores = await judgeAnswer(judge, await loadRubric('quality'), { conversation, answer })
 * scores[0] // { criterion: 'relevant', score: 4, share: 0.75, reason: 'It answers …' }
 * ```
 */
export async function judgeAnswer(
  judge: LanguageModel,
  rubric: Rubric,
  { conversation, answer, reference = '' }: JudgedAnswer,
  options: JudgeOptions = {},
): Promise<CriterionScore[]> {
  const prompt = template(rubric.prompt, 'prompt')
  const scores: CriterionScore[] = []
  for (const { name, question, scale } of rubric.criteria) {
    const ends = Object.keys(scale).map(Number)
    const [low, high] = [Math.min(...ends), Math.max(...ends)]
    const lines = Object.entries(scale).map(([score, meaning]) => `${score}: ${meaning}`)
    const fields = { question, scale: lines.join('\n'), conversation: shown(conversation), answer, reference }
    const reason = await ask(judge, prompt.text(fields), options)
    const read = readScore(reason)
    const score = read !== undefined && read >= low && read <= high ? read : undefined
    scores.push({
      criterion: name,
      judge: judge.name,
      score,
      share: score === undefined ? undefined : (score - low) / (high - low),
      reason,
    })
  }
  return scores
}

export type Preference = 'a' | 'b' | 'equal'

export interface PairJudgement {
  readonly preference: Preference
  /** What the judge said with the answers in this order, and with them swapped; undefined when it said nothing of use. */
  readonly first: Preference | undefined
  readonly swapped: Preference | undefined
  /** Both orders agree. */
  readonly consistent: boolean
  readonly reasons: readonly [string, string]
}

/** What stands behind the last "Better:". */
export function readPreference(text: string): Preference | undefined {
  const found = [...text.matchAll(/better\W{0,6}(a|b|equal|tie|same|neither|both)\b/gi)].at(-1)?.[1]?.toLowerCase()
  return found === undefined ? undefined : found === 'a' || found === 'b' ? found : 'equal'
}

/**
 * Which of two answers is the better one: asked twice, with the answers in both orders, because judges like one place better. Only what both orders
 * say is a preference; anything else is "equal".
 *
 * @example
 * ```ts
 * const { preference, consistent } = await judgePair(judge, rubric, { conversation, a: 'Bones.', b: 'You see a crypt.' })
 * ```
 */
export async function judgePair(
  judge: LanguageModel,
  rubric: Rubric,
  { conversation, a, b }: { readonly conversation: readonly ChatMessage[] | string; readonly a: string; readonly b: string },
  options: JudgeOptions = {},
): Promise<PairJudgement> {
  const prompt = template(rubric.pairwise ?? defaultPairwise, 'pairwise')
  const text = shown(conversation)
  const there = await ask(judge, prompt.text({ conversation: text, a, b }), options)
  const back = await ask(judge, prompt.text({ conversation: text, a: b, b: a }), options)
  const [first, other] = [readPreference(there), readPreference(back)]
  const swapped = other === 'a' ? 'b' : other === 'b' ? 'a' : other
  const consistent = first !== undefined && first === swapped
  return { preference: consistent ? first : 'equal', first, swapped, consistent, reasons: [there, back] }
}

const defaultPairwise =
  'Which answer is better?\n\nConversation:\n{{conversation}}\n\nAnswer A:\n{{a}}\n\nAnswer B:\n{{b}}\n\n' +
  'Give one short reason, then on a line of its own "Better: A", "Better: B" or "Better: equal".'

export interface Agreement {
  /** Share of things on which all say the same. */
  readonly share: number
  /** Beyond chance: Cohen's κ for two judges, Fleiss' for more. NaN where all always say the same one thing. */
  readonly kappa: number
  /** Mean rank correlation of pairs of judges; undefined where what they say has no order. */
  readonly correlation: number | undefined
}

/**
 * How far several judges (models or people) agree; each row is what one judge said of every thing.
 *
 * @example
 * ```ts
 * agreement([[5, 3, 1], [4, 3, 1]]) // { share: 0.67, kappa: 0.57, correlation: 1 }
 * ```
 */
export function agreement<T extends string | number>(judges: readonly (readonly T[])[]): Agreement {
  const things = judges[0]?.map((_, i) => judges.map((row) => row[i]!)) ?? []
  const share = things.filter((row) => new Set(row).size === 1).length / things.length
  const pairs = judges.flatMap((a, i) => judges.slice(i + 1).map((b) => [a, b] as const))
  const numbers = (row: readonly T[]): number[] => row.filter((one) => typeof one === 'number')
  const ordered = judges.every((row) => numbers(row).length === row.length)
  const correlations = pairs.map(([a, b]) => rankCorrelation(numbers(a), numbers(b)))
  return {
    share,
    kappa: judges.length === 2 ? cohensKappa(judges[0]!, judges[1]!) : fleissKappa(things),
    correlation: ordered ? correlations.reduce((sum, one) => sum + one, 0) / correlations.length : undefined,
  }
}
