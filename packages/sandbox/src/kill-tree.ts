import type { ChildProcess } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/**
 * Ends the process that puts the walls up, and the first one inside, with which its namespace ends; a launcher above it is one
 * more generation. Each asks the kernel to die with its parent, but not before it has begun; so the parent is stopped, its
 * children are looked for, and all are killed.
 */
export function killConfined(child: ChildProcess, generations = 2): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  killWithChildren(child.pid, generations)
}

function killWithChildren(pid: number, generations: number): void {
  if (generations > 1) {
    send(pid, 'SIGSTOP')
    awaitStop(pid)
    for (const child of childrenOf(pid)) killWithChildren(child, generations - 1)
  }
  send(pid, 'SIGKILL')
}

/** Ends a process that leads a group, and the group. */
export function killGroup(child: ChildProcess): void {
  if (child.pid !== undefined) send(-child.pid, 'SIGKILL')
}

function send(pid: number, signal: 'SIGSTOP' | 'SIGKILL'): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended already.
  }
}

/** A process stops when it next leaves the kernel; until then it may still be making the child that is looked for. */
function awaitStop(pid: number): void {
  const until = performance.now() + 2000
  while (!/^[TtZX]?$/.test(statOf(pid)?.[0] ?? '') && performance.now() < until) Atomics.wait(pause, 0, 0, 1)
}

const pause = new Int32Array(new SharedArrayBuffer(4))

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(statOf(name)?.[1]) === parent)
    .map(Number)
}

/** State, parent and what follows; undefined for a process that is gone. */
function statOf(pid: number | string): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}
