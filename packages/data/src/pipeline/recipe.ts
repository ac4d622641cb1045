import { readFile } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'
import { nearest, usageError } from '@qt/core'
import { parseYaml } from '@qt/core/node'
import { z } from 'zod'
import { parseExpression } from '../generate/expression.js'
import { textFilters } from '../quality/filter-text.js'
import { isUrl } from '../reading/read-bytes.js'

const whole = z.int().min(1)
const similarity = z.number().gt(0).max(1).optional()
const seed = z.int().min(0).optional()

/** The steps, each with its settings; all of them have defaults. */
const steps = {
  /** Corrects what needs no judgement; what is still wrong is left out. */
  fix: z.strictObject({ ignore: z.array(z.string()).optional() }),
  /** Keeps what holds. */
  filter: z.strictObject({
    text: z.array(z.enum(textFilters)).optional(),
    code: z.boolean().optional(),
    licences: z.union([z.literal('permissive'), z.array(z.string())]).optional(),
    shortest: whole.optional(),
    longest: whole.optional(),
    languages: z.array(z.string()).optional(),
    where: z.string().optional(),
  }),
  /** Brings every record to the one form. */
  standardise: z.strictObject({}),
  /** Leaves out what shares an n-gram with benchmarks. */
  decontaminate: z.strictObject({ benchmarks: z.record(z.string(), z.string()), n: whole.optional() }),
  /** Takes runs of words out of texts that stood in an earlier one. */
  substrings: z.strictObject({ words: z.int().min(2).optional(), field: z.string().optional() }),
  dedup: z.strictObject({ similarity, permutations: whole.optional(), seed }),
  sample: z.strictObject({ share: z.number().gt(0).max(1), seed }),
  balance: z.strictObject({
    by: z.string().optional(),
    to: z.union([z.enum(['smallest', 'median', 'largest']), whole]).optional(),
    seed,
  }),
  /** Only as the last one. */
  split: z.strictObject({
    validation: z.number().gt(0).lt(1).optional(),
    test: z.number().gt(0).lt(1).optional(),
    by: z.string().optional(),
    similarity,
    seed,
  }),
} as const

export type StepName = keyof typeof steps
type StepOf<N extends StepName> = { readonly name: N; readonly settings: z.infer<(typeof steps)[N]> }
export type Step = { [N in StepName]: StepOf<N> }[StepName]
export const stepNames = Object.keys(steps)

const isStep = (name: string): name is StepName => Object.hasOwn(steps, name)

export interface Recipe {
  readonly input: readonly string[]
  readonly output: string
  readonly threads?: number | undefined
  /** Records that are worked on, and written, at a time. */
  readonly chunk: number
  readonly steps: readonly Step[]
}

const recipeSchema = z.strictObject({
  input: z.union([z.string(), z.array(z.string()).min(1)]),
  output: z.string(),
  threads: whole.optional(),
  chunk: whole.optional(),
  steps: z.array(z.unknown()).optional(),
})

/** Reads the YAML of a pipeline; paths in it go by its folder. Errors name file, line and field. */
export async function loadRecipe(file: string): Promise<Recipe> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw usageError('CONFIG_UNREADABLE', `The pipeline ${file} cannot be read.`, {
      where: { file },
      actions: ['Check the path and its permissions.'],
      cause,
    })
  })
  const { value, problem, lineOf } = parseYaml(text)
  if (problem)
    throw usageError('CONFIG_SYNTAX', `The pipeline is not valid YAML: ${problem.message}`, {
      where: { file, line: problem.line },
      actions: ['Correct the syntax on that line.'],
      cause: problem.cause,
    })
  return parseRecipe(value, {
    folder: dirname(file),
    wrong: (path, message, actions) => {
      const line = lineOf(path)
      return usageError('DATA_PIPELINE', message, {
        where: { file, ...(line === undefined ? {} : { line }), field: path.join('.') },
        actions,
      })
    },
  })
}

interface Reading {
  readonly folder: string
  wrong(path: readonly string[], message: string, actions: readonly string[]): Error
}

function parseRecipe(value: unknown, { folder, wrong }: Reading): Recipe {
  const parsed = recipeSchema.safeParse(value)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw wrong((issue?.path ?? []).map(String), `The pipeline is not as it should be: ${issue?.message ?? ''}.`, [
      'Write input, output and steps; docs/data-pipelines.md has them all.',
    ])
  }
  const { input, output, threads, chunk = 10_000, steps: given = [] } = parsed.data
  const place = (path: string): string => (isAbsolute(path) || isUrl(path) || path.startsWith('hf:') ? path : join(folder, path))
  const list = given.map((step, index) => parseStep(step, ['steps', String(index)], { wrong, place }))
  const early = list.slice(0, -1).findIndex(({ name }) => name === 'split')
  if (early >= 0)
    throw wrong(['steps', String(early)], 'A split is the last step: what follows would let parts leak into each other.', [
      'Move it to the end.',
    ])
  return { input: (typeof input === 'string' ? [input] : input).map(place), output: place(output), threads, chunk, steps: list }
}

function parseStep(
  value: unknown,
  path: readonly string[],
  { wrong, place }: Pick<Reading, 'wrong'> & { place(path: string): string },
): Step {
  const [name = '', settings = {}, ...more] =
    typeof value === 'string' ? [value] : typeof value === 'object' && value !== null ? Object.entries(value).flat() : []
  const actions = [`Use one of ${stepNames.join(', ')}.`]
  if (typeof name !== 'string' || more.length > 0 || !isStep(name)) {
    const near = typeof name === 'string' ? nearest(name, stepNames) : undefined
    throw wrong(path, `This is no step: ${JSON.stringify(value)}.`, [...(near ? [`Did you mean ${near}?`] : []), ...actions])
  }
  const parsed = steps[name].safeParse(settings ?? {})
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw wrong(
      [...path, name, ...(issue?.path ?? []).map(String)],
      `The step ${name} is not as it should be: ${issue?.message ?? ''}.`,
      actions,
    )
  }
  const step = { name, settings: parsed.data } as Step
  if (step.name === 'filter' && step.settings.where !== undefined)
    try {
      parseExpression(step.settings.where)
    } catch (error) {
      throw wrong([...path, name, 'where'], `${error instanceof Error ? error.message : String(error)}.`, [
        "Write category == 'combat'.",
      ])
    }
  if (step.name !== 'decontaminate') return step
  const { benchmarks, ...rest } = step.settings
  const placed = Object.fromEntries(Object.entries(benchmarks).map(([one, file]) => [one, place(file)]))
  return { name: 'decontaminate', settings: { ...rest, benchmarks: placed } }
}
