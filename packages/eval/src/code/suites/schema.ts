import { z } from 'zod'

const common = {
  id: z.string().min(1),
  language: z.enum(['python', 'javascript', 'typescript']),
  reference: z.string().min(1),
  wrong: z.array(z.string()).min(1),
}

export const completionSchema = z.strictObject({ ...common, before: z.string(), after: z.string(), tests: z.string() })

export const bugFixSchema = z.strictObject({ ...common, task: z.string(), code: z.string(), tests: z.string() })

export const unitTestsSchema = z
  .strictObject({
    ...common,
    code: z.string(),
    /** [what stands in the code, once; what stands in the mutant] */
    mutants: z.array(z.tuple([z.string().min(1), z.string()])).min(1),
  })
  .superRefine(({ code, mutants }, context) => {
    for (const [i, [from]] of mutants.entries())
      if (code.split(from).length !== 2)
        context.addIssue({ code: 'custom', path: ['mutants', i], message: `"${from}" does not stand in the code exactly once` })
  })

export const refactoringSchema = z.strictObject({
  ...common,
  task: z.string(),
  code: z.string(),
  metric: z.enum(['lines', 'branches', 'nesting', 'repetition']),
  most: z.int().min(0),
  tests: z.string(),
})

/** A regular expression, without case. */
const pattern = z.string().refine(isPattern, 'is no regular expression')

export const documentationSchema = z.strictObject({
  ...common,
  name: z.string(),
  code: z.string(),
  parameters: z.array(z.string().regex(/^\w+$/)),
  /** Of each list one must be found. */
  facts: z.array(z.array(pattern).min(1)),
  forbidden: z.array(pattern),
})

function isPattern(text: string): boolean {
  try {
    new RegExp(text, 'i')
    return true
  } catch {
    return false
  }
}
