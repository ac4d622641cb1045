import { nearest, usageError } from '@qt/core'
import { atPath } from '../checks/at-path.js'
import { findFiles } from '../find-files.js'
import { readRecords } from '../read-records.js'
import { recordText } from '../record-text.js'
import type { Decontaminator } from './decontaminator.js'

/** Fields of the items of well-known benchmarks that hold their questions and answers. */
const known = {
  humaneval: ['prompt', 'canonical_solution'],
  mbpp: ['text', 'prompt', 'code'],
  gsm8k: ['question', 'answer'],
  math: ['problem', 'solution'],
  mmlu: ['question', 'choices'],
  'mmlu-pro': ['question', 'options'],
  arc: ['question', 'choices.text'],
  hellaswag: ['ctx', 'endings'],
  truthfulqa: ['question', 'best_answer'],
  winogrande: ['sentence'],
  piqa: ['goal', 'sol1', 'sol2'],
  boolq: ['question', 'passage'],
  squad: ['context', 'question'],
  triviaqa: ['question'],
  ifeval: ['prompt'],
  'mt-bench': ['turns'],
  alpacaeval: ['instruction', 'output'],
  bigcodebench: ['complete_prompt', 'instruct_prompt', 'canonical_solution'],
  apps: ['question', 'solutions'],
  'swe-bench': ['problem_statement', 'patch'],
} as const satisfies Readonly<Record<string, readonly string[]>>

export type Benchmark = keyof typeof known
export const benchmarkNames = Object.keys(known)

const isKnown = (name: string): name is Benchmark => Object.hasOwn(known, name)

/** The fields by the name of a benchmark: HumanEval, human-eval and humaneval_x.jsonl are all `humaneval`. */
function fieldsOf(name: string): readonly string[] | undefined {
  const bare = name.toLowerCase()
  if (isKnown(bare)) return known[bare]
  const letters = bare.replace(/[^a-z0-9]/g, '')
  const match = benchmarkNames.find((one) => letters.startsWith(one.replace(/[^a-z0-9]/g, '')))
  return match !== undefined && isKnown(match) ? known[match] : undefined
}

/**
 * Adds the items of a benchmark from its file, with the fields that its name stands for; of another benchmark all that is said in an item.
 *
 * @example
 * ```ts
 * const benchmarks = new Decontaminator()
 * await addBenchmark(benchmarks, 'humaneval', 'HumanEval.jsonl.gz') // 164
 * ```
 */
export async function addBenchmark(decontaminator: Decontaminator, name: string, path: string): Promise<number> {
  const fields = fieldsOf(name)
  const texts: string[] = []
  let items = 0
  for (const file of await findFiles(path))
    for await (const record of readRecords(file)) {
      items++
      const before = texts.length
      for (const field of fields ?? []) texts.push(...textsOf(atPath(record.value, field.split('.'))))
      if (texts.length === before) texts.push(recordText(record))
    }
  if (items === 0) {
    const near = nearest(name, benchmarkNames)
    throw usageError('DATA_NOT_FOUND', `The benchmark ${name} has no items in ${path}.`, {
      where: { file: path },
      actions: ['Check the file.', ...(near ? [`Did you mean ${near}?`] : [])],
    })
  }
  decontaminator.add(name, texts)
  return items
}

const textsOf = (value: unknown): string[] =>
  typeof value === 'string' ? [value] : Array.isArray(value) ? [value.filter((one) => typeof one === 'string').join(' ')] : []
