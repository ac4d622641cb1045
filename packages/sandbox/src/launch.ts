import { type ChildProcess, spawn } from 'node:child_process'
import { openSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { type Execution, type ExecutionLimits, QtError } from '@qt/core'
import { inheritedDescriptors } from './inherited.js'
import { killConfined, killGroup } from './kill-tree.js'
import { mostFiles } from './limits.js'
import type { Invocation } from './mechanism.js'
import { Output } from './output.js'
import { usageOf } from './usage.js'

export interface LaunchOptions {
  readonly limits: ExecutionLimits
  readonly stdin: string | Uint8Array | undefined
  /** Become this user first; for a caller that is root. */
  readonly user: number | undefined
  /** The process leads a group that is ended with it; else ending it ends its namespace. */
  readonly group: boolean
  readonly signal: AbortSignal | undefined
}

type Ended = Execution['ended']

/** Milliseconds between two looks at what a program uses; most programs end before the first. */
const lookEvery = 50
/** SIGXCPU, and SIGKILL of the hard limit. */
const exitOfCpuLimit = 128 + 24

/** Runs the invocation to its end, or to its first limit. */
export function launch(invocation: Invocation, options: LaunchOptions): Promise<Execution> {
  const { limits, user, group, signal } = options
  signal?.throwIfAborted()
  const [program, ...args] = invocation.command
  const started = performance.now()
  const child = spawn(program, args, {
    stdio: covering([options.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', 'pipe', ...invocation.descriptors]),
    env: { ...invocation.env },
    cwd: invocation.cwd,
    detached: group,
    ...(user === undefined ? {} : { uid: user, gid: user }),
  })
  return new Promise((resolve, reject) => {
    let over: Exclude<Ended, 'exited'> | undefined
    let failure: Error | undefined
    const end = (why?: Exclude<Ended, 'exited'>) => {
      over ??= why
      if (group) killGroup(child)
      else killConfined(child)
    }
    const stdout = new Output(child.stdout!, limits.outputBytes, () => end('output'))
    const stderr = new Output(child.stderr!, limits.outputBytes, () => end('output'))
    const report = new Output(childPipe(child, 3), 65536, () => end())
    const wall = setTimeout(() => end('wall'), limits.wallSeconds * 1000)
    const look = setInterval(() => {
      const why = limitPassed(firstProcess(report.text()), limits)
      if (why) end(why)
    }, lookEvery)
    const onAbort = () => end()
    signal?.addEventListener('abort', onAbort, { once: true })
    child.stdin?.on('error', () => {}) // A program need not read its input.
    child.stdin?.end(options.stdin)
    child.once('error', (error) => {
      failure = error
    })
    child.once('close', (code) => {
      clearTimeout(wall)
      clearInterval(look)
      signal?.removeEventListener('abort', onAbort)
      invocation.dispose()
      const seconds = (performance.now() - started) / 1000
      const said = { stdout: stdout.text(), stderr: stderr.text(), seconds }
      if (signal?.aborted) return reject(signal.reason)
      if (over) return resolve({ exitCode: null, ended: over, ...said })
      const exitCode = group ? code : exitCodeIn(report.text())
      if (failure || exitCode === undefined || exitCode === null)
        return group && !failure ? resolve({ exitCode: 137, ended: 'exited', ...said }) : reject(notRun(said.stderr, failure))
      if (exitCode === exitOfCpuLimit) return resolve({ exitCode: null, ended: 'cpu', ...said })
      resolve({ exitCode, ended: 'exited', ...said })
    })
  })
}

let nothing: number | undefined

/** Puts /dev/null over the open files that the program would inherit. */
function covering(stdio: readonly ('ignore' | 'pipe' | number)[]): ('ignore' | 'pipe' | number)[] {
  const all = [...stdio]
  for (const descriptor of inheritedDescriptors()) {
    if (descriptor < stdio.length) continue
    nothing ??= openSync('/dev/null', 'r')
    while (all.length < descriptor) all.push('ignore')
    all[descriptor] = nothing
  }
  return all
}

function childPipe(child: ChildProcess, index: number): Readable {
  const stream = child.stdio[index]
  if (!stream || !('read' in stream)) throw new Error('the report has no pipe')
  return stream
}

const firstProcess = (report: string): number | undefined => numberAfter(report, 'child-pid')
const exitCodeIn = (report: string): number | undefined => numberAfter(report, 'exit-code')

function numberAfter(report: string, key: string): number | undefined {
  const found = new RegExp(`"${key}": (\\d+)`).exec(report)?.[1]
  return found === undefined ? undefined : Number(found)
}

function limitPassed(pid: number | undefined, limits: ExecutionLimits): Exclude<Ended, 'exited'> | undefined {
  const usage = pid === undefined ? undefined : usageOf(pid)
  if (!usage) return undefined
  if (usage.memoryBytes > limits.memoryBytes) return 'memory'
  if (usage.cpuSeconds > limits.cpuSeconds) return 'cpu'
  // Two belong to the walls; a kernel that counts processes refuses them long before.
  if (usage.processes > limits.processes + 2) return 'processes'
  return usage.files > mostFiles ? 'disk' : undefined
}

const notRun = (stderr: string, cause: Error | undefined) =>
  new QtError({
    code: 'SANDBOX_FAILED',
    message: `The sandbox could not start a program: ${(stderr.trim().split('\n')[0] || cause?.message) ?? 'it gave no reason'}.`,
    actions: ['Check that its files fit limits.diskBytes.', 'Open the sandbox anew: it checks what works on this machine.'],
    ...(cause ? { cause } : {}),
  })
