import { z } from 'zod'
import { readLines } from './read-lines.js'

/** Code that is written already. */
export interface WrittenCode {
  /** The problem's id, in any case: HumanEval/0. */
  readonly task: string
  readonly code: string
  /** It is the whole program, not what the problem's prompt goes on with. */
  readonly whole: boolean
}

const recordSchema = z
  .object({
    task_id: z.union([z.string(), z.int()]),
    completion: z.string().optional(),
    solution: z.string().optional(),
  })
  .refine(({ completion, solution }) => (completion === undefined) !== (solution === undefined), {
    message: 'needs either completion or solution',
  })

/**
 * Samples from a JSONL file (also .gz) as HumanEval's own tools write them: `{"task_id": "HumanEval/0", "completion": "    return …"}`,
 * or with the whole program as `solution`. A number is an id of MBPP.
 *
 * @example
 * ```ts
 * const samples = await readSamples('samples.jsonl')
 * ```
 */
export async function readSamples(file: string): Promise<WrittenCode[]> {
  const records = await readLines(file, recordSchema, {
    what: 'a file of samples',
    action: 'Write lines like {"task_id": "HumanEval/0", "completion": "    return 1"}.',
  })
  return records.map(({ task_id: id, completion, solution }) => ({
    task: typeof id === 'number' ? `MBPP/${id}` : id,
    code: completion ?? solution ?? '',
    whole: completion === undefined,
  }))
}
