import type { ChildProcess } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/**
 * Ends the process that puts the walls up, and the first one inside, with which its namespace ends. That one asks the kernel to
 * die with its parent, but not before it has begun; so the parent is stopped, its children are looked for, and all are killed.
 */
export function killConfined(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGSTOP')
  for (const pid of childrenOf(child.pid)) send(pid)
  child.kill('SIGKILL')
}

/** Ends a process that leads a group, and the group. */
export function killGroup(child: ChildProcess): void {
  if (child.pid !== undefined) send(-child.pid)
}

function send(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended already.
  }
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && parentOf(name) === parent)
    .map(Number)
}

function parentOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return undefined
  }
}
