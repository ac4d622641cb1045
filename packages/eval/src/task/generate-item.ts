import { one, type Statistics } from '../metric/metric.js'
import type { SuiteItem } from '../suite/suite.js'
import { bleuStatistics } from '../text/bleu.js'
import { extracted, normalised } from '../text/match.js'
import { type Rouge, rouge } from '../text/rouge.js'
import type { Task, TaskMetric } from './schema.js'

interface Generate {
  readonly task: Task
  readonly prompt: string
  readonly references: readonly string[]
  readonly pattern: RegExp | undefined
}

/** Lets the model answer and compares its answer with the right ones; where there are several, with the best. */
export const generateItem =
  ({ task, prompt, references, pattern }: Generate): SuiteItem['measure'] =>
  async (model, { signal, seed }) => {
    const asked = (metric: TaskMetric) => (task.metrics ?? ['exact_match']).includes(metric)
    const { text, tokens, why } = await model.generate(task.chat ? [{ role: 'user', content: prompt }] : prompt, {
      maxTokens: task.maxTokens,
      temperature: 0,
      seed,
      stop: task.stop,
      ...(signal ? { signal } : {}),
    })
    const answer = pattern && task.extract ? extracted(text, { pattern, take: task.extract.take }) : text
    const plain = (one: string) => normalised(one.trim(), task.ignore)
    const compared = task.trim ? plain : (one: string) => normalised(one, task.ignore)
    const exact = answer !== undefined && references.some((reference) => compared(reference) === compared(answer))
    // Nothing is in every text, and so says nothing about this one.
    const contains = references.some((reference) => plain(reference) !== '' && plain(text).includes(plain(reference)))
    const rouges = references.map((reference) => rouge(text, reference))
    const best = (kind: keyof Rouge): Statistics => one(Math.max(0, ...rouges.map((score) => score[kind].f)))
    const found = answer === undefined ? 'The answer has nothing that fits the pattern.' : ''
    return {
      scores: {
        exact_match: one(exact),
        contains: one(contains),
        bleu: bleuStatistics(text, references),
        rouge1: best('rouge1'),
        rouge2: best('rouge2'),
        rougeL: best('rougeL'),
        rougeLsum: best('rougeLsum'),
      },
      // What only counts shared words knows no right and wrong.
      ...(asked('exact_match') ? { right: exact } : asked('contains') ? { right: contains } : {}),
      prompt,
      output: text,
      expected: references.join(' / '),
      explanation: [found, why === 'length' ? 'The answer was cut.' : ''].filter(Boolean).join(' '),
      tokens,
    }
  }
