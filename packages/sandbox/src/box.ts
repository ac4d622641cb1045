import type { Readable } from 'node:stream'

/** The processes of one program and of its walls, however they were started. */
export interface Box {
  readonly stdout: Readable
  readonly stderr: Readable
  /** What the walls say: `"child-pid": 7`, the first process inside as the host knows it, and `"exit-code": 0`. */
  readonly report: Readable
  /** It has not ended by itself. */
  readonly alive: boolean
  /** Why it could not be started; known when it has closed. */
  readonly failure: Error | undefined
  /** The exit code of the outermost process, when all have ended and everything they said was read. */
  readonly closed: Promise<number | null>
  /** Gives the program its input, or the text of its file where it waits for that; from now on the caller's process waits for its end. */
  deliver(given: { readonly stdin: string | Uint8Array | undefined; readonly file: Uint8Array | undefined }): void
  /** Ends every process of it. */
  kill(): void
}
