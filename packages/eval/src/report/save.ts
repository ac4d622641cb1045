import { readFile } from 'node:fs/promises'
import { dirname, extname } from 'node:path'
import { messageOf, usageError } from '@qt/core'
import { makeFolder, writeFileAtomic } from '@qt/core/node'
import type { Comparison } from '../compare/compare.js'
import { type RunReport, reportSchema } from '../run/report.js'
import { htmlReport } from './html.js'
import { junitReport } from './junit.js'
import { markdownReport } from './markdown.js'

const kinds = ['.json', '.html', '.md', '.xml'] as const
export type ReportKind = (typeof kinds)[number]

/** The form of a report, by the ending of its name; an error for any other, to be had before hours of measuring. */
export function reportKind(file: string): ReportKind {
  const kind = kinds.find((one) => one === extname(file).toLowerCase())
  if (kind) return kind
  throw usageError('EVAL_REPORT_KIND', `A report cannot be written as "${file}".`, {
    where: { file },
    actions: ['End its name with .json, .html, .md or .xml (JUnit).'],
  })
}

/**
 * Writes a report in the form that the name of the file says: `.json` (which comparisons read), `.html`, `.md`, `.xml` (JUnit). JSON and JUnit
 * hold the last run.
 *
 * @example
 * ```ts
 * await saveReport('report.html', [base, tuned], compareRuns(base, tuned))
 * ```
 */
export async function saveReport(file: string, runs: readonly RunReport[], comparison?: Comparison): Promise<void> {
  const last = runs.at(-1)
  if (!last) throw usageError('EVAL_NO_ITEMS', 'There is no run to report.', { actions: ['Run a suite first.'] })
  const forms: Readonly<Record<ReportKind, () => string>> = {
    '.json': () => `${JSON.stringify(last, null, 1)}\n`,
    '.html': () => htmlReport(runs, comparison),
    '.md': () => markdownReport(runs, comparison),
    '.xml': () => junitReport(last, comparison),
  }
  const text = forms[reportKind(file)]()
  await makeFolder(dirname(file))
  await writeFileAtomic(file, text)
}

/** Reads a run that was saved as JSON. */
export async function readReport(file: string): Promise<RunReport> {
  let value: unknown
  try {
    value = JSON.parse(await readFile(file, 'utf8'))
  } catch (cause) {
    throw usageError('EVAL_REPORT_INVALID', `${file} is no report: ${messageOf(cause)}`, {
      where: { file },
      actions: ['Name a JSON file that "qt eval run --report" wrote.'],
      cause,
    })
  }
  const read = reportSchema.safeParse(value)
  if (read.success) return read.data
  const issue = read.error.issues[0]!
  throw usageError('EVAL_REPORT_INVALID', `${file} is no report of this program.`, {
    where: { file, field: issue.path.join('.') },
    actions: ['Name a JSON file that "qt eval run --report" wrote.'],
  })
}
