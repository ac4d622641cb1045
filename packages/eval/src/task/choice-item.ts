import { usageError } from '@qt/core'
import { likelihoods } from '../likelihood/continuations.js'
import { scoringModel } from '../likelihood/model.js'
import { one } from '../metric/metric.js'
import type { SuiteItem } from '../suite/suite.js'

/** The first of the largest; numpy's argmax. */
export const argmax = (values: readonly number[]): number =>
  values.reduce((best, value, i) => (value > values[best]! ? i : best), 0)

export interface ChoiceScore {
  readonly acc: boolean
  readonly acc_norm: boolean
  readonly acc_bytes: boolean
}

/**
 * Whether the likeliest choice is a right one: by log-likelihood (`acc`), per character (`acc_norm`, code points as in Python), per byte of
 * UTF-8 (`acc_bytes`).
 */
export function scoreChoice(logs: readonly number[], choices: readonly string[], right: readonly number[]): ChoiceScore {
  const by = (divisor: (choice: string) => number) => right.includes(argmax(logs.map((log, i) => log / divisor(choices[i]!))))
  return { acc: by(() => 1), acc_norm: by((choice) => [...choice].length), acc_bytes: by((choice) => Buffer.byteLength(choice)) }
}

interface Choice {
  readonly id: string
  readonly choices: readonly string[]
  /** Context and continuation of each choice. */
  readonly pairs: readonly (readonly [string, string])[]
  readonly right: readonly number[]
}

export const choiceItem =
  ({ id, choices, pairs, right }: Choice): SuiteItem['measure'] =>
  async (model, { signal }) => {
    if (right.length === 0)
      throw usageError('EVAL_ANSWER_UNKNOWN', `The answer of item ${id} is none of its ${choices.length} choices.`, {
        where: { field: 'answer' },
        actions: ['Let "answer" be the number of the right choice, from 0, or its text.'],
      })
    const scoring = scoringModel(model, 'Multiple choice')
    const logs: number[] = []
    // Choices that share a context go together.
    for (let from = 0; from < pairs.length; ) {
      let to = from + 1
      while (to < pairs.length && pairs[to]![0] === pairs[from]![0]) to++
      const group = pairs.slice(from, to).map(([, continuation]) => continuation)
      logs.push(...(await likelihoods(scoring, pairs[from]![0], group, { signal })).map(({ logLikelihood }) => logLikelihood))
      from = to
    }
    const { acc, acc_norm, acc_bytes } = scoreChoice(logs, choices, right)
    const list = choices.map((choice, i) => `${choice}  (${logs[i]!.toFixed(3)})`)
    return {
      scores: { acc: one(acc), acc_norm: one(acc_norm), acc_bytes: one(acc_bytes) },
      right: acc,
      prompt: pairs[0]![0],
      output: choices[argmax(logs)]!,
      expected: right.map((i) => choices[i]).join(' / '),
      explanation: `Log-likelihoods: ${list.join('; ')}.`,
    }
  }
