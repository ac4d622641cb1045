import type { AnyModel } from '../likelihood/model.js'
import { one } from '../metric/metric.js'
import type { QualityItem } from '../quality/quality-suite.js'
import { meteredModel, type Price } from '../run/metered-model.js'
import type { Suite } from '../suite/suite.js'
import { answerTo } from '../tool-calls/answer.js'
import { type CriterionScore, judgeAnswer } from './judge.js'
import type { Rubric } from './rubric.js'

export interface JudgeSuiteOptions {
  readonly rubric: Rubric
  /** One or several; with several their mean counts, and each item says how far they are apart. */
  readonly judges: readonly AnyModel[]
  readonly maxTokens?: number
  /** What the judges cost; left out: what the measured model does. */
  readonly price?: Price
}

/**
 * Answers scored by other models: a metric for each criterion, between 0 and 1. What judges use counts in the limits of a run. To keep what
 * they say, and what they cost, give them as `cachedModel`s.
 *
 * @example
 * ```ts
 * const server = openAiModel({ baseUrl: 'http://127.0.0.1:8080/v1', model: 'large' })
 * const judge = await cachedModel(server, { file: 'judge.jsonl', modelId: 'large' })
 * const suite = judgeSuite(conversationItems(heldOut), { rubric: await loadRubric('quality'), judges: [judge] })
 * ```
 */
export function judgeSuite(items: readonly QualityItem[], { rubric, judges, maxTokens = 160, price }: JudgeSuiteOptions): Suite {
  return {
    name: `judge-${rubric.name}`,
    priced: price !== undefined,
    metrics: ['overall', ...rubric.criteria.map(({ name }) => name), ...(judges.length > 1 ? ['agreement'] : [])].map((name) => ({
      name,
      aggregate: 'mean',
      higherIsBetter: true,
    })),
    items: items.map(({ id, context, reference }) => ({
      id,
      async measure(model, { signal, seed, onUse }) {
        const answer = await answerTo(model, context, { maxTokens, ...(signal ? { signal } : {}) })
        const judged = { conversation: context, answer: answer.text, ...(reference === undefined ? {} : { reference }) }
        const all: CriterionScore[][] = []
        for (const judge of judges) {
          const { model: counted, usage } = meteredModel(judge)
          all.push(await judgeAnswer(counted, rubric, judged, { seed, ...(signal ? { signal } : {}) }))
          onUse?.(usage, price)
        }
        const shares = (name: string) =>
          all.flatMap((scores) =>
            scores.filter(({ criterion }) => criterion === name).flatMap(({ share }) => (share === undefined ? [] : [share])),
          )
        const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
        const scored = rubric.criteria.map(({ name }) => [name, shares(name)] as const).filter(([, values]) => values.length > 0)
        // What one of them said nothing of cannot be agreed on.
        const spoken = rubric.criteria
          .map((_, i) => all.map((scores) => scores[i]!.score))
          .filter((row) => !row.includes(undefined))
        const agreed = spoken.filter((row) => new Set(row).size === 1).length / spoken.length
        return {
          scores: {
            ...(scored.length > 0 ? { overall: one(mean(scored.map(([, values]) => mean(values)))) } : {}),
            ...Object.fromEntries(scored.map(([name, values]) => [name, one(mean(values))])),
            ...(judges.length > 1 && spoken.length > 0 ? { agreement: one(agreed) } : {}),
          },
          prompt: context.map(({ role, content }) => `${role}: ${content}`).join('\n'),
          output: answer.text,
          ...(reference === undefined ? {} : { expected: reference }),
          explanation: all
            .flat()
            .map(({ criterion, judge, score, reason }) => `${criterion}, ${judge}: ${score ?? 'no score'}\n${reason}`)
            .join('\n\n'),
          tokens: answer.tokens,
        }
      },
    })),
  }
}
