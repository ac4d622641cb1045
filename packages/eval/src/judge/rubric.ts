import { readFile } from 'node:fs/promises'
import { messageOf, usageError } from '@qt/core'
import { parse } from 'yaml'
import { z } from 'zod'
import { judgesFolder } from '../folder.js'

const rubricSchema = z.strictObject({
  name: z.string(),
  about: z.string().default(''),
  criteria: z
    .array(
      z.strictObject({
        name: z.string(),
        question: z.string(),
        /** What the scores mean; the least and the most are the ends of the scale. */
        scale: z
          .record(z.string().regex(/^\d+$/, 'Scores are whole numbers'), z.string())
          .refine((scale) => Object.keys(scale).length > 1, 'A scale has two ends'),
      }),
    )
    .min(1),
  /** Jinja over question, scale, conversation, answer and reference. */
  prompt: z.string(),
  /** Jinja over conversation, a and b; for comparing two answers. */
  pairwise: z.string().optional(),
})

/** What a judge is asked. */
export type Rubric = z.infer<typeof rubricSchema>

/**
 * A rubric from a YAML file, or one that ships: `quality`, `relevancy`, `faithfulness`.
 *
 * @example
 * ```ts
 * const rubric = await loadRubric('quality')
 * ```
 */
export async function loadRubric(file: string): Promise<Rubric> {
  const path = /^[a-z0-9-]+$/.test(file) ? `${judgesFolder}${file}.yaml` : file
  const invalid = (why: string, cause?: unknown) =>
    usageError('EVAL_RUBRIC_INVALID', `The rubric ${file} is not right: ${why}.`, {
      where: { file: path },
      actions: ['Correct it; docs/evaluation/judges.md shows one.'],
      cause,
    })
  let value: unknown
  try {
    value = parse(await readFile(path, 'utf8'))
  } catch (cause) {
    throw invalid(messageOf(cause), cause)
  }
  const read = rubricSchema.safeParse(value)
  if (read.success) return read.data
  throw invalid(`${read.error.issues[0]!.path.join('.')}: ${read.error.issues[0]!.message}`)
}
