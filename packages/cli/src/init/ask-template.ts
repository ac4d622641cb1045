import { once } from 'node:events'
import { createInterface } from 'node:readline/promises'
import { QtError, usageError } from '@qt/core'
import { type TemplateName, templateNamed, templates } from './templates.js'

interface Terminal {
  readonly input?: NodeJS.ReadableStream & { readonly isTTY?: boolean | undefined }
  readonly output?: NodeJS.WritableStream & { readonly isTTY?: boolean | undefined }
}

/** Asks which template it shall be; where nobody can answer, the error names them. */
export async function askTemplate({ input = process.stdin, output = process.stderr }: Terminal = {}): Promise<TemplateName> {
  const names = Object.entries(templates)
  if (input.isTTY !== true || output.isTTY !== true)
    throw usageError('USAGE_MISSING_FLAG', 'qt init needs --template.', {
      actions: names.map(([name, what]) => ({ label: what, command: `--template ${name}` })),
    })
  const terminal = createInterface({ input, output })
  const answered = new AbortController()
  try {
    const list = names.map(([name, what], index) => `  ${index + 1}  ${name.padEnd(15)} ${what}\n`).join('')
    // Ctrl-D and Ctrl-C close the terminal and leave the question open for ever.
    const closed = once(terminal, 'close', { signal: answered.signal }).then(() => {
      output.write('\n')
      throw new QtError({ code: 'INTERRUPTED', kind: 'interrupted', message: 'Interrupted; nothing was changed.' })
    })
    const answer = (await Promise.race([terminal.question(`Which template?\n${list}Number or name: `), closed])).trim()
    return templateNamed(names[Number(answer) - 1]?.[0] ?? answer)
  } finally {
    answered.abort()
    terminal.close()
  }
}
