import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { usageError } from '@qt/core'
import { isNode, isSeq, LineCounter, parseDocument } from 'yaml'
import { type ZodType, z } from 'zod'
import { suitesFolder } from '../../folder.js'
import type { CodeTask } from '../task.js'
import { bugFixTask } from './bug-fix.js'
import { completionTask } from './completion.js'
import { documentationTask } from './documentation.js'
import { refactoringTask } from './refactoring.js'
import { bugFixSchema, completionSchema, documentationSchema, refactoringSchema, unitTestsSchema } from './schema.js'
import { unitTestsTask } from './unit-tests.js'

const reader =
  <T>(schema: ZodType<T>, make: (problem: T) => CodeTask) =>
  (value: unknown): CodeTask =>
    make(schema.parse(value))

const readers = {
  completion: reader(completionSchema, completionTask),
  'bug-fix': reader(bugFixSchema, bugFixTask),
  'unit-tests': reader(unitTestsSchema, unitTestsTask),
  refactoring: reader(refactoringSchema, refactoringTask),
  documentation: reader(documentationSchema, documentationTask),
} as const

/** Suites that come with this package. */
export type CodeSuite = keyof typeof readers

export const codeSuites: readonly CodeSuite[] = ['completion', 'bug-fix', 'unit-tests', 'refactoring', 'documentation']

/**
 * The problems of a suite of this package, or of a YAML file of your own in the same form.
 *
 * @example
 * ```ts
 * const tasks = [...(await codeSuite('bug-fix')), ...(await codeSuite('bug-fix', 'our-bugs.yaml'))]
 * ```
 */
export async function codeSuite(suite: CodeSuite, file: string = join(suitesFolder, `${suite}.yaml`)): Promise<CodeTask[]> {
  const lines = new LineCounter()
  const document = parseDocument(await readFile(file, 'utf8'), { lineCounter: lines, prettyErrors: false })
  const invalid = (why: string, at: number | undefined, cause?: unknown) =>
    usageError('EVAL_DATA_INVALID', `${why} This is no suite of problems.`, {
      where: { file, ...(at === undefined ? {} : { line: lines.linePos(at).line }) },
      actions: [`Write it like suites/${suite}.yaml of @qt/eval.`],
      ...(cause === undefined ? {} : { cause }),
    })
  const [syntax] = document.errors
  if (syntax) throw invalid(`It is not valid YAML: ${syntax.message}.`, syntax.pos[0], syntax)
  const list = document.contents
  if (!isSeq(list)) throw invalid('The file is not a list.', undefined)
  return list.items.map((node, index) => {
    try {
      return readers[suite](isNode(node) ? node.toJS(document) : node)
    } catch (error) {
      if (!(error instanceof z.ZodError)) throw error
      const [issue] = error.issues
      const at = isNode(node) ? node.range?.[0] : undefined
      throw invalid(`Problem ${index + 1}, ${issue!.path.join('.') || 'the whole'}: ${issue!.message}.`, at)
    }
  })
}
