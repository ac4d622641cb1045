import { randomUUID } from 'node:crypto'
import { closeSync, constants, openSync, unlinkSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Open files without names, to hand to a process: each is read from its beginning. */
export class Descriptors {
  readonly #open: number[] = []

  get all(): readonly number[] {
    return this.#open
  }

  /** The number that the process will know it by; the first one after input, output, errors and the report is 4. */
  add(bytes: Uint8Array): number {
    const path = join(tmpdir(), `qt-sandbox-${randomUUID()}`)
    const descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600)
    this.#open.push(descriptor)
    unlinkSync(path)
    // Writing at a position leaves the offset that the process shares at the beginning.
    for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at, bytes.length - at, at)
    return 3 + this.#open.length
  }

  close(): void {
    for (const descriptor of this.#open.splice(0)) closeSync(descriptor)
  }
}
