import { type ChildProcess, spawn } from 'node:child_process'
import { openSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { type Execution, type ExecutionLimits, QtError } from '@qt/core'
import { inheritedDescriptors } from './inherited.js'
import { killConfined, killGroup } from './kill-tree.js'
import { mostFiles } from './limits.js'
import type { Invocation } from './mechanism.js'
import { Output } from './output.js'
import { usageOf } from './usage.js'

export interface StartOptions {
  readonly limits: ExecutionLimits
  /** The program reads what it is given; else nothing. */
  readonly input: boolean
  /** Become this user first; for a caller that is root. */
  readonly user: number | undefined
  /** The process leads a group that is ended with it; else ending it ends its namespace. */
  readonly group: boolean
}

export interface RunOptions {
  readonly stdin?: string | Uint8Array | undefined
  /** What `filePipe` of the invocation waits for. */
  readonly file?: Uint8Array | undefined
  readonly signal?: AbortSignal | undefined
}

/** A process that puts walls up and, where its file comes later, waits within them. */
export interface Started {
  /** It has not ended by itself. */
  readonly alive: boolean
  /** Runs the program to its end, or to its first limit; once. */
  run(options: RunOptions): Promise<Execution>
  /** Nothing shall wait for it: it keeps the caller alive no more. */
  release(): void
  end(): void
}

type Ended = Execution['ended']

/** Milliseconds between two looks at what a program uses; most programs end before the first. */
const lookEvery = 50
/** SIGXCPU, and SIGKILL of the hard limit. */
const exitOfCpuLimit = 128 + 24

/** Starts the invocation; limits of time begin when it runs. */
export function start(invocation: Invocation, { limits, input, user, group }: StartOptions): Started {
  const [program, ...args] = invocation.command
  const child = spawn(program, args, {
    stdio: covering([input ? 'pipe' : 'ignore', 'pipe', 'pipe', 'pipe', ...invocation.descriptors]),
    env: { ...invocation.env },
    cwd: invocation.cwd,
    detached: group,
    ...(user === undefined ? {} : { uid: user, gid: user }),
  })
  let over: Exclude<Ended, 'exited'> | undefined
  let failure: Error | undefined
  // Before anything that may throw: an error that nobody hears ends the caller.
  child.once('error', (error) => {
    failure = error
  })
  // Where no more files can be opened the process has no pipes.
  if (!child.stdout || !child.stderr) {
    invocation.dispose()
    throw notRun('', new Error('it got no pipes, too many files may be open'))
  }
  const end = (why?: Exclude<Ended, 'exited'>) => {
    over ??= why
    if (group) killGroup(child)
    else killConfined(child)
  }
  const stdout = new Output(child.stdout, limits.outputBytes, () => end('output'))
  const stderr = new Output(child.stderr, limits.outputBytes, () => end('output'))
  const report = new Output(childPipe(child, 3), 65536, () => end())
  const sockets = child.stdio.filter((stream) => stream instanceof Socket)
  // A program need not read what it is given.
  for (const socket of sockets) socket.on('error', () => {})
  const closed = new Promise<number | null>((resolve) => {
    child.once('close', (code) => {
      invocation.dispose()
      resolve(code)
    })
  })

  async function run({ stdin, file, signal }: RunOptions): Promise<Execution> {
    const started = performance.now()
    child.ref()
    for (const socket of sockets) socket.ref()
    const wall = setTimeout(() => end('wall'), limits.wallSeconds * 1000)
    const look = setInterval(() => {
      const why = limitPassed(firstProcess(report.text()), limits)
      if (why) end(why)
    }, lookEvery)
    const onAbort = () => end()
    signal?.addEventListener('abort', onAbort, { once: true })
    child.stdin?.end(stdin)
    if (invocation.filePipe !== undefined) writable(child, invocation.filePipe).end(file)
    const code = await closed
    clearTimeout(wall)
    clearInterval(look)
    signal?.removeEventListener('abort', onAbort)
    const seconds = (performance.now() - started) / 1000
    const said = { stdout: stdout.text(), stderr: stderr.text(), seconds }
    signal?.throwIfAborted()
    if (over) return { exitCode: null, ended: over, ...said }
    const exitCode = group ? code : exitCodeIn(report.text())
    if (failure || exitCode === undefined || exitCode === null) {
      if (group && !failure) return { exitCode: 137, ended: 'exited', ...said }
      throw notRun(said.stderr, failure)
    }
    if (exitCode === exitOfCpuLimit) return { exitCode: null, ended: 'cpu', ...said }
    return { exitCode, ended: 'exited', ...said }
  }

  return {
    get alive() {
      return failure === undefined && child.exitCode === null && child.signalCode === null
    },
    run,
    release() {
      child.unref()
      for (const socket of sockets) socket.unref()
    },
    end: () => end(),
  }
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

function writable(child: ChildProcess, index: number): Writable {
  const stream = child.stdio[index]
  if (!stream || !('write' in stream)) throw new Error('the file has no pipe')
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
