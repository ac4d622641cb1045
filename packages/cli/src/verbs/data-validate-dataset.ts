import { extname } from 'node:path'
import { shellWord, usageError } from '@qt/core'
import { writeFileAtomic } from '@qt/core/node'
import type { DatasetReport } from '@qt/data'
import { pasteable } from '../init/command.js'
import { withInterrupt } from '../interrupt.js'
import type { Io } from '../io.js'
import { need } from '../need.js'
import { plural } from './data-scenarios.js'
import { tokenizerFrom } from './data-tokenizer.js'

export interface DatasetChecks {
  readonly 'held-out'?: string | undefined
  readonly context?: number | undefined
  readonly tokenizer?: string | undefined
  readonly ignore?: readonly string[] | undefined
  readonly report?: string | undefined
}

/** More lines than this help nobody: the rest is counted. */
const shown = 200

/** Checks records of conversations, instructions and texts. */
export async function validateRecords(path: string, flags: DatasetChecks, io: Io): Promise<number> {
  const { validateDataset } = await need('@qt/data', () => import('@qt/data'))
  checkReportName(flags.report)
  checkContext(flags.context)
  const tokenizer = await tokenizerFrom(flags.tokenizer, io)
  let printed = 0
  const report = await withInterrupt((signal) =>
    validateDataset(path, {
      heldOut: flags['held-out'],
      contextLength: flags.context,
      tokenizer,
      ignore: flags.ignore,
      signal,
      onFinding: (finding) => {
        if (printed++ < shown) io.out(`${finding.severity === 'warning' ? 'warning: ' : ''}${finding.toString()}\n`)
      },
    }),
  )
  const { examples, errors, warnings, codes, fixable, layouts } = report
  if (printed > shown) io.out(`… and ${printed - shown} more; --report FILE.html lists them.\n`)
  if (printed > 0) io.out(`\n${counted(codes)}\n`)
  io.out(`${plural(examples, 'example')} (${counted(layouts)}): ${plural(errors, 'error')}, ${plural(warnings, 'warning')}.\n`)
  if (fixable > 0) io.out(`${pasteable(`qt data fix ${shellWord(path)}`)} can correct ${fixable} of them.\n`)
  if (flags.report !== undefined) await writeReport(flags.report, report, io)
  io.document(report)
  return errors > 0 ? 1 : 0
}

const counted = (counts: Readonly<Record<string, number | undefined>>): string =>
  Object.entries(counts)
    .sort(([, a = 0], [, b = 0]) => b - a)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ')

function checkReportName(file: string | undefined): void {
  if (file === undefined || ['.html', '.json'].includes(extname(file).toLowerCase())) return
  throw usageError('USAGE_BAD_VALUE', `--report cannot write "${file}".`, {
    actions: ['Name a file that ends in .html or .json.'],
  })
}

function checkContext(tokens: number | undefined): void {
  if (tokens === undefined || (Number.isInteger(tokens) && tokens > 0)) return
  throw usageError('USAGE_BAD_VALUE', `--context is a number of tokens, not ${tokens}.`, { actions: ['Use --context 2048.'] })
}

async function writeReport(file: string, report: DatasetReport, io: Io): Promise<void> {
  const { reportHtml } = await need('@qt/data', () => import('@qt/data'))
  const html = extname(file).toLowerCase() === '.html'
  await writeFileAtomic(file, html ? reportHtml(report) : `${JSON.stringify(report, null, 2)}\n`)
  io.note(`wrote ${file}\n`)
}
