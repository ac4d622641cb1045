import { messageOf, usageError } from '@qt/core'
import type { Metric } from '../metric/metric.js'
import type { Suite, SuiteItem } from '../suite/suite.js'
import { choiceItem } from './choice-item.js'
import { rightChoices, shotsBefore, texts } from './examples.js'
import { generateItem } from './generate-item.js'
import { likelihoodItem, rollingItem } from './likelihood-item.js'
import { preparations } from './prepare.js'
import { type Task, type TaskMetric, taskMetrics } from './schema.js'
import type { Fields } from './template.js'

const perplexities: Readonly<Partial<Record<TaskMetric, Metric['aggregate']>>> = {
  perplexity: 'exp mean',
  word_perplexity: 'exp mean',
  byte_perplexity: 'exp mean',
  bits_per_byte: 'mean',
  bleu: 'bleu',
}
const shares = new Set<TaskMetric>(['acc', 'acc_norm', 'acc_bytes', 'exact_match', 'contains'])

const metric = (name: TaskMetric): Metric => ({
  name,
  aggregate: perplexities[name] ?? 'mean',
  higherIsBetter: !/perplexity|bits/.test(name),
  ...(shares.has(name) ? { share: true } : {}),
})

/** The items of a task: one for each record. */
export function taskSuite(task: Task, records: readonly Fields[], shots?: readonly Fields[]): Suite {
  const allowed: readonly TaskMetric[] = taskMetrics[task.kind]
  const defaults: readonly TaskMetric[] =
    task.kind === 'generate' ? ['exact_match'] : task.kind === 'choice' ? ['acc', 'acc_norm'] : allowed
  const chosen = task.metrics ?? defaults
  const wrong = chosen.find((name) => !allowed.includes(name))
  if (wrong !== undefined)
    throw usageError('EVAL_TASK_INVALID', `The metric ${wrong} does not go with a task of kind ${task.kind}.`, {
      where: { field: 'metrics' },
      actions: [`Choose among ${allowed.join(', ')}.`],
    })
  const pattern = patternOf(task)
  const read = texts(task)
  const all = records.map((fields) => prepared(task, fields))
  const before = shotsBefore(
    task,
    all,
    shots?.map((fields) => prepared(task, fields)),
  )
  const items = all.map((fields, index): SuiteItem => {
    const raw = records[index]!
    const id = typeof raw.id === 'string' || typeof raw.id === 'number' ? `${index + 1}:${raw.id}` : String(index + 1)
    // Templates run when an item is measured, so that only what is used is made.
    return {
      id,
      measure: (model, options) => {
        const context = before(index) + read.prompt(fields)
        if (task.kind === 'rolling')
          return rollingItem({ text: read.prompt(fields), counted: read.counted?.text(fields) })(model, options)
        if (task.kind === 'likelihood')
          return likelihoodItem({ context, continuation: read.delimiter + (read.answers(fields)[0] ?? '') })(model, options)
        if (task.kind === 'generate')
          return generateItem({ task, prompt: context, references: read.answers(fields), pattern })(model, options)
        const contexts = read.contexts(fields)
        const choices = contexts.length > 0 ? contexts : read.choices(fields)
        const continuation = read.continuation?.text(fields) ?? ''
        const right = rightChoices(read.answers(fields), choices)
        return choiceItem({
          id,
          right,
          choices,
          pairs: choices.map((choice) =>
            contexts.length > 0 ? [context + choice, read.delimiter + continuation] : [context, read.delimiter + choice],
          ),
        })(model, options)
      },
    }
  })
  return { name: task.name, metrics: chosen.map(metric), items }
}

function prepared(task: Task, fields: Fields): Fields {
  return task.prepare === undefined ? fields : preparations[task.prepare](fields)
}

function patternOf({ extract }: Task): RegExp | undefined {
  if (!extract) return undefined
  try {
    return new RegExp(extract.pattern, 'gu')
  } catch (cause) {
    throw usageError('EVAL_TASK_INVALID', `The pattern of "extract" does not work: ${messageOf(cause)}.`, {
      where: { field: 'extract.pattern' },
      actions: ['Write a regular expression of JavaScript.'],
      cause,
    })
  }
}
