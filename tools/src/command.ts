import { spawn } from 'node:child_process'
import { root } from './root.js'

export interface CommandOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** Show the command's output as it comes; otherwise it is only returned. */
  readonly show?: boolean
  readonly stdin?: string
}

export interface CommandResult {
  /** -1 when the program is not there. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program found on PATH or among the workspace's own, without a shell. */
export function command(program: string, args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const { cwd = root, env = {}, show = false, stdin } = options
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd,
      // No daemon: a check must leave nothing running behind it.
      env: { ...process.env, NX_DAEMON: 'false', ...env, PATH: `${root}/node_modules/.bin:${process.env.PATH ?? ''}` },
      stdio: [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      stdout += chunk
      if (show) process.stdout.write(chunk)
    })
    child.stderr?.on('data', (chunk: Buffer) => {
      stderr += chunk
      if (show) process.stderr.write(chunk)
    })
    child.stdin?.end(stdin)
    child.on('error', (error) => resolve({ code: -1, stdout, stderr: stderr + error.message }))
    child.on('close', (code) => resolve({ code: code ?? 1, stdout, stderr }))
  })
}

/** The text of a failed command that is worth reading: its end. */
export const tail = ({ stdout, stderr }: CommandResult, lines = 40): string =>
  `${stdout}${stderr}`.trimEnd().split('\n').slice(-lines).join('\n')
