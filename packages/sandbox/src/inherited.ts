import { closeSync, openSync, readdirSync, readSync } from 'node:fs'

const closedOnExec = 0o2000000

/**
 * Open files of this process, from 3 on, that every child would inherit: what a shell or a program that started this one left
 * open. Node's own are closed in children.
 */
export const inheritedDescriptors = (): number[] =>
  readdirSync('/proc/self/fd')
    .map(Number)
    .filter((descriptor) => descriptor > 2 && isInherited(descriptor))

/** Looked at for every program, so without the detours of readFile. */
const beginning = Buffer.alloc(128)

function isInherited(descriptor: number): boolean {
  let info: number
  try {
    info = openSync(`/proc/self/fdinfo/${descriptor}`, 'r')
  } catch {
    return false
  }
  try {
    const text = beginning.toString('latin1', 0, readSync(info, beginning))
    const flags = /^flags:\s+(\d+)/m.exec(text)?.[1] ?? ''
    return (Number.parseInt(flags, 8) & closedOnExec) === 0
  } catch {
    return false
  } finally {
    closeSync(info)
  }
}
