import { usageError } from '@qt/core'
import { z } from 'zod'
import { codeIn, cutAt } from './answer-text.js'
import { readBenchmark } from './read-lines.js'
import { runCode } from './run-code.js'
import type { CodeTask } from './task.js'

const recordSchema = z.object({
  task_id: z.number(),
  text: z.string(),
  code: z.string(),
  test_list: z.array(z.string()).min(1),
  test_setup_code: z.string().default(''),
})
type Record = z.infer<typeof recordSchema>

export interface MbppOptions {
  /**
   * How a base model is asked: with the three examples of the paper between [BEGIN] and [DONE], or with a docstring that holds
   * the text and one test. Default: examples.
   */
  readonly base?: 'examples' | 'docstring'
}

/** In all its splits: the examples of the paper are in one of their own. */
const published = 'hf://datasets/google-research-datasets/mbpp/full'

/** The paper's split. */
const [firstTest, lastTest] = [11, 510]
const exampleIds = [2, 3, 4]
const docstringStops = ['\nclass', '\nassert', '\n"""', '\nprint', '\nif', '\n<|/', '\n```']

/**
 * MBPP: the 500 problems of its test split, ids 11 to 510, from its JSONL or Parquet file; without one from the hub, downloaded once.
 * https://arxiv.org/abs/2108.07732
 *
 * @example
 * ```ts
 * const tasks = await mbpp('mbpp.jsonl', { base: 'docstring' })
 * ```
 */
export async function mbpp(file = published, { base = 'examples' }: MbppOptions = {}): Promise<CodeTask[]> {
  const instead = 'Give its file where the hub cannot be reached: --data mbpp=FILE, mbpp.jsonl or Parquet.'
  const records = await readBenchmark(file, recordSchema, instead)
  const examples = records.filter(({ task_id }) => exampleIds.includes(task_id))
  const asExample = (record: Record) => `${introduction(record)}[BEGIN]\n${record.code}\n[DONE]\n\n`
  const shots = () => {
    if (examples.length === exampleIds.length) return examples.map(asExample).join('')
    throw usageError('EVAL_DATA_INVALID', `The examples are missing: problems ${exampleIds.join(', ')} of MBPP.`, {
      where: { file },
      actions: ['Give the whole file as it is published.', "Ask with a docstring: mbpp(file, { base: 'docstring' })."],
    })
  }
  return records
    .filter(({ task_id }) => task_id >= firstTest && task_id <= lastTest)
    .map((record) => task(record, base === 'examples' ? shots : undefined))
}

const introduction = ({ text, test_list }: Record): string =>
  `You are an expert Python programmer, and here is your task: ${text} Your code should pass these tests:\n\n${test_list.slice(0, 3).join('\n')}\n`

function task(record: Record, shots: (() => string) | undefined): CodeTask {
  const { text, test_list, test_setup_code, code } = record
  // What the tests call must be defined; the name is in no other field.
  const names = [...test_list.join('\n').matchAll(/(\w+)\s*\(/g)].map((match) => match[1]!)
  const defined = names.find((name) => new RegExp(`def\\s+${name}\\s*\\(`).test(code))
  const wanted = defined === undefined ? undefined : new RegExp(`(?:def|class)\\s+${defined}\\b`)
  const stops = shots === undefined ? docstringStops : ['[DONE]']
  return {
    id: `MBPP/${record.task_id}`,
    suite: 'mbpp',
    language: 'python',
    ask(style) {
      if (style === 'base' && shots !== undefined) return { prompt: `${shots()}${introduction(record)}[BEGIN]\n`, stop: stops }
      if (style === 'base') return { prompt: `"""\n${text}\n${test_list[0]}\n"""\n`, stop: stops }
      const content = `${introduction(record)}\nAnswer with one Python code block.`
      return { prompt: [{ role: 'user', content }], stop: [] }
    },
    candidate: (answer, style) => (style === 'base' ? cutAt(answer, stops) : codeIn(answer, wanted)),
    async verify(candidate, options) {
      const program = [candidate, test_setup_code, ...test_list].join('\n')
      const { passed, detail } = await runCode(program, 'python', options)
      return { passed, score: passed ? 1 : 0, detail }
    },
    reference: code,
    wrong: [
      'pass',
      ...(defined === undefined
        ? []
        : [`def ${defined}(*a, **k):\n    return object()`, `def ${defined}(*a, **k):\n    raise SystemExit(0)`]),
    ],
  }
}
