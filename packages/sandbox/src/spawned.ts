import { type ChildProcess, spawn } from 'node:child_process'
import { openSync } from 'node:fs'
import type { Readable } from 'node:stream'
import type { Box } from './box.js'
import { inheritedDescriptors } from './inherited.js'
import { killConfined, killGroup } from './kill-tree.js'
import type { Invocation } from './mechanism.js'
import { notRun } from './started.js'

export interface SpawnOptions {
  /** The program reads what it is given; else nothing. */
  readonly input: boolean
  /** Become this user first; for a caller that is root. */
  readonly user: number | undefined
  /** The process leads a group that is ended with it; else ending it ends its namespace. */
  readonly group: boolean
}

/** Starts the invocation as a child of this process. */
export function spawned(invocation: Invocation, { input, user, group }: SpawnOptions): Box {
  const [program, ...args] = invocation.command
  const child = spawn(program, args, {
    stdio: covering([input ? 'pipe' : 'ignore', 'pipe', 'pipe', 'pipe', ...invocation.descriptors]),
    env: { ...invocation.env },
    cwd: invocation.cwd,
    // A Ctrl-C is for the caller, who ends programs as it likes.
    detached: true,
    ...(user === undefined ? {} : { uid: user, gid: user }),
  })
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
  // A program need not read what it is given.
  child.stdin?.on('error', () => {})
  return {
    stdout: child.stdout,
    stderr: child.stderr,
    report: reportOf(child),
    get alive() {
      return failure === undefined && child.exitCode === null && child.signalCode === null
    },
    get failure() {
      return failure
    },
    closed: new Promise((resolve) => {
      child.once('close', (code) => {
        invocation.dispose()
        resolve(code)
      })
    }),
    deliver({ stdin }) {
      child.stdin?.end(stdin)
    },
    kill() {
      if (group) killGroup(child)
      else killConfined(child)
    },
  }
}

function reportOf(child: ChildProcess): Readable {
  const stream = child.stdio[3]
  if (!stream || !('read' in stream)) throw new Error('the report has no pipe')
  return stream
}

let nothing: number | undefined

/** Puts /dev/null over the open files that the program would inherit. */
export function covering<T>(stdio: readonly (T | 'ignore' | number)[]): (T | 'ignore' | number)[] {
  const all = [...stdio]
  for (const descriptor of inheritedDescriptors()) {
    if (descriptor < stdio.length) continue
    nothing ??= openSync('/dev/null', 'r')
    while (all.length < descriptor) all.push('ignore')
    all[descriptor] = nothing
  }
  return all
}
