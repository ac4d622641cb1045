import { spawn } from 'node:child_process'

export interface ProgramOutcome {
  /** Null when a signal ended it. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end with its messages in English; undefined when there is no such program. */
export const runProgram = (program: string, args: readonly string[], input = ''): Promise<ProgramOutcome | undefined> =>
  new Promise((resolve, reject) => {
    const child = spawn(program, [...args], { env: { ...process.env, LC_ALL: 'C' } })
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? resolve(undefined) : reject(error)))
    child.on('close', (code) => resolve({ code, stdout, stderr: stderr.trim() }))
    // A program that fails early does not read its input.
    child.stdin.on('error', () => {})
    child.stdin.end(input)
  })
