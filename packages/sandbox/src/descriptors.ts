import { randomUUID } from 'node:crypto'
import { closeSync, constants, openSync, unlinkSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Opens a file without a name that holds these bytes: in memory, as a busy disk would hold every program up. */
export function namelessFile(bytes: Uint8Array, memory = '/dev/shm'): number {
  try {
    return namelessFileIn(memory, bytes)
  } catch {
    // It is not there, not for everybody, or full: in a container it often holds 64 MiB.
    return namelessFileIn(tmpdir(), bytes)
  }
}

function namelessFileIn(folder: string, bytes: Uint8Array): number {
  const path = join(folder, `qt-sandbox-${randomUUID()}`)
  const descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600)
  try {
    unlinkSync(path)
    // Writing at a position leaves the offset that a process shares at the beginning.
    for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at, bytes.length - at, at)
    return descriptor
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
}

/** Open files without names, to hand to a process: each is read from its beginning. */
export class Descriptors {
  readonly #open: number[] = []

  get all(): readonly number[] {
    return this.#open
  }

  /** The number that the process will know it by; the first one after input, output, errors and the report is 4. */
  add(bytes: Uint8Array): number {
    return this.#keep(namelessFile(bytes))
  }

  /** The same for a file that stays open here: opened anew, so that it is read from its beginning again. */
  addAgain(descriptor: number): number {
    return this.#keep(openSync(`/proc/self/fd/${descriptor}`, 'r'))
  }

  #keep(descriptor: number): number {
    this.#open.push(descriptor)
    return 3 + this.#open.length
  }

  close(): void {
    for (const descriptor of this.#open.splice(0)) closeSync(descriptor)
  }
}
