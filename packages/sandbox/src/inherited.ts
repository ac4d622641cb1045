import { readdirSync, readFileSync } from 'node:fs'

const closedOnExec = 0o2000000

/**
 * Open files of this process, from 3 on, that every child would inherit: what a shell or a program that started this one left
 * open. Node's own are closed in children.
 */
export const inheritedDescriptors = (): number[] =>
  readdirSync('/proc/self/fd')
    .map(Number)
    .filter((descriptor) => descriptor > 2 && isInherited(descriptor))

function isInherited(descriptor: number): boolean {
  try {
    const flags = /^flags:\s+(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1'))?.[1] ?? ''
    return (Number.parseInt(flags, 8) & closedOnExec) === 0
  } catch {
    return false
  }
}
