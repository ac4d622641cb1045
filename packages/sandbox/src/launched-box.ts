import { closeSync, constants, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import type { Box } from './box.js'

/** Names of the pipes in a launcher's folder. */
export const pipeNames = { stdout: 'out', stderr: 'err', report: 'report', file: 'file' } as const

/** Milliseconds that are left for reading why a box did not begin. */
const grace = 100

/** A box behind the named pipes of a launcher, opened here before the launcher opens them. It keeps no process alive until it runs. */
export class LaunchedBox implements Box {
  readonly stdout: Socket
  readonly stderr: Socket
  readonly report: Socket
  readonly failure = undefined
  readonly closed: Promise<number | null>
  readonly kill: () => void
  readonly #file: Socket
  readonly #begun: Promise<void>
  #hasBegun = false
  #ended: ((code: number | null) => void) | undefined

  constructor(folder: string, kill: () => void) {
    this.kill = kill
    const opened: number[] = []
    const open = (name: string, flags: number): number => {
      const descriptor = openSync(join(folder, name), flags | constants.O_NONBLOCK)
      opened.push(descriptor)
      return descriptor
    }
    try {
      // For writing alone it cannot be opened: nobody reads it yet.
      open(pipeNames.file, constants.O_RDWR)
      for (const name of [pipeNames.stdout, pipeNames.stderr, pipeNames.report]) open(name, constants.O_RDONLY)
    } catch (error) {
      for (const descriptor of opened) closeSync(descriptor)
      throw error
    }
    const [file, stdout, stderr, report] = opened
    this.#file = new Socket({ fd: file!, readable: false, writable: true })
    this.stdout = new Socket({ fd: stdout!, readable: true, writable: false })
    this.stderr = new Socket({ fd: stderr!, readable: true, writable: false })
    this.report = new Socket({ fd: report!, readable: true, writable: false })
    for (const socket of this.#sockets) socket.on('error', () => {}).unref()
    this.#begun = new Promise((resolve) => {
      this.report.once('data', () => {
        this.#hasBegun = true
        resolve()
      })
    })
    const ended = new Promise<number | null>((resolve) => {
      this.#ended = resolve
    })
    const read = [this.stdout, this.stderr, this.report].map((socket) => new Promise((resolve) => socket.once('close', resolve)))
    this.closed = Promise.all([ended, ...read]).then(([code]) => {
      this.#file.destroy()
      return code
    })
  }

  get #sockets(): readonly Socket[] {
    return [this.#file, this.stdout, this.stderr, this.report]
  }

  get alive(): boolean {
    return this.#ended !== undefined
  }

  deliver({ file = new Uint8Array() }: { readonly file: Uint8Array | undefined }): void {
    for (const socket of this.#sockets) socket.ref()
    // When the walls say that they stand, the pipe has its reader; closed before that it would forget what was written.
    void this.#begun.then(() => this.#file.end(file))
  }

  /** The launcher saw its outermost process end, or has itself ended. */
  end(code: number | null): void {
    this.#ended?.(code)
    this.#ended = undefined
    if (!this.#hasBegun) setTimeout(() => setImmediate(() => this.#giveUp()), grace)
  }

  /** Pipes that the launcher never opened have no end. */
  #giveUp(): void {
    if (!this.#hasBegun) for (const socket of this.#sockets) socket.destroy()
  }
}
