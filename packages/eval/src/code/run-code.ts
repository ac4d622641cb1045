import { randomUUID } from 'node:crypto'
import type { Execution, ProgramLanguage } from '@qt/core'
import type { VerifyOptions } from './task.js'

export interface CodeRun {
  readonly passed: boolean
  /** Why not; empty when it passed. */
  readonly detail: string
  readonly execution: Execution
}

/** Before JavaScript: what code of models expects to be there, and would else fail for reasons that are not its own. */
const javascriptPrelude = `import __assert from 'node:assert/strict'
import { createRequire as __createRequire } from 'node:module'
Object.assign(globalThis, { assert: __assert, require: __createRequire(import.meta.url), module: { exports: {} }, exports: {} })
`

/**
 * Runs code to its end. It passes when its last line was reached and it ended with 0: a candidate that leaves early, with 0 too,
 * does not. The last line prints a mark, another one each time, on a line of its own: code that prints its own text does not pass.
 */
export async function runCode(code: string, language: ProgramLanguage, options: VerifyOptions): Promise<CodeRun> {
  const { executor, signal, wallSeconds = 10 } = options
  const mark = `done ${randomUUID()}`
  const script = language === 'javascript' || language === 'typescript'
  const execution = await executor.run({
    language,
    code: script ? `${javascriptPrelude}${code}\n;console.log('\\n${mark}')\n` : `${code}\nprint('\\n${mark}')\n`,
    limits: { wallSeconds, cpuSeconds: wallSeconds },
    ...(signal ? { signal } : {}),
  })
  const reached = execution.stdout.split('\n').includes(mark)
  const passed = execution.ended === 'exited' && execution.exitCode === 0 && reached
  return { passed, detail: passed ? '' : whyNot(execution, reached), execution }
}

function whyNot({ ended, exitCode, stderr }: Execution, reached: boolean): string {
  if (ended !== 'exited') return `It went over the limit: ${ended}.`
  if (exitCode === 0 && !reached) return 'It ended before its tests did.'
  const lines = stderr.trim().split('\n')
  // Node ends with its version; Python ends with the error.
  const said = lines.find((line) => /^\w*Error\b/.test(line)) ?? lines.at(-1) ?? ''
  return `${said.slice(0, 300) || 'It failed.'} (exit code ${exitCode})`
}
