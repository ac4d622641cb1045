import { dirname, extname } from 'node:path'
import { usageError } from '@qt/core'
import { makeFolder, writeFileAtomic } from '@qt/core/node'
import type { Finding } from '@qt/pipeline/doctor'
import { defineVerb } from '../args/verb.js'
import { withInterrupt } from '../interrupt.js'
import type { Io } from '../io.js'
import { need } from '../need.js'

const marks = { fine: '✓', advice: '!', missing: '✗' } as const
const colors = { fine: 32, advice: 33, missing: 31 } as const

export const doctor = defineVerb({
  name: 'doctor',
  summary: 'Look at this machine: what is fine, what is missing, what to do.',
  details:
    'Hardware, drivers, native parts, disk and Node. Ends with 1 when something is missing that is needed; advice does not count. ' +
    'Recommended are 16 GB of GPU memory, 32 GB of memory and 50 GB of disk; less works, and it says how far.',
  flags: { report: { type: 'text', value: 'FILE', description: 'Write the report: .json, .md or .html.' } },
  examples: ['qt doctor --report doctor.html', 'qt doctor'],
  async run({ flags, io }) {
    const format = flags.report === undefined ? undefined : reportFormat(flags.report)
    const machine = await need('@qt/pipeline', () => import('@qt/pipeline/doctor'))
    const report = await withInterrupt((signal) => machine.doctor({ signal }))
    for (const finding of report.findings) io.out(findingText(finding, io))
    io.out(`\n${machine.verdictOf(report)}\n`)
    if (flags.report !== undefined && format !== undefined) {
      await makeFolder(dirname(flags.report))
      await writeFileAtomic(flags.report, machine.renderReport(report, format))
      io.note(`wrote ${flags.report}\n`)
    }
    io.document(report)
    return report.ok ? 0 : 1
  },
})

function reportFormat(file: string): 'json' | 'md' | 'html' {
  const extension = extname(file).slice(1).toLowerCase()
  if (extension === 'json' || extension === 'md' || extension === 'html') return extension
  throw usageError('USAGE_BAD_VALUE', `--report must end in .json, .md or .html, and ${file} does not.`, {
    actions: ['Write --report doctor.html.'],
  })
}

function findingText({ check, status, found, why, actions }: Finding, { color }: Io): string {
  const mark = color ? `\u001b[${colors[status]}m${marks[status]}\u001b[0m` : marks[status]
  return [
    `${mark} ${check.padEnd(10)} ${found}`,
    ...(why === undefined ? [] : [`    ${why}`]),
    ...actions.flatMap(({ label, command }) => [`    → ${label}`, ...(command === undefined ? [] : [`        ${command}`])]),
    '',
  ].join('\n')
}
