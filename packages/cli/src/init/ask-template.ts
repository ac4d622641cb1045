import { createInterface } from 'node:readline/promises'
import { usageError } from '@qt/core'
import { type TemplateName, templateNamed, templates } from './templates.js'

/** Asks which template it shall be; where nobody can answer, the error names them. */
export async function askTemplate(): Promise<TemplateName> {
  const names = Object.entries(templates)
  if (process.stdin.isTTY !== true || process.stderr.isTTY !== true)
    throw usageError('USAGE_MISSING_FLAG', 'qt init needs --template.', {
      actions: names.map(([name, what]) => ({ label: what, command: `--template ${name}` })),
    })
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const list = names.map(([name, what], index) => `  ${index + 1}  ${name.padEnd(15)} ${what}\n`).join('')
    const answer = (await terminal.question(`Which template?\n${list}Number or name: `)).trim()
    return templateNamed(names[Number(answer) - 1]?.[0] ?? answer)
  } finally {
    terminal.close()
  }
}
