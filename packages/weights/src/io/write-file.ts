import { QtError } from '@qt/core'
import { folderOf } from './paths.js'

/** What a writer of a large file needs: bytes in order. */
export interface ByteSink {
  readonly position: number
  write(bytes: Uint8Array): Promise<void>
}

/** Writes a large file in pieces under a temporary name, then fsyncs and renames it: a reader sees nothing or all of it. */
export async function writeFileStreamed(path: string, produce: (sink: ByteSink) => Promise<void>): Promise<void> {
  const { open } = await import('node:fs/promises')
  await replaceFile(path, async (temporary) => {
    const handle = await open(temporary, 'wx')
    try {
      let position = 0
      await produce({
        get position() {
          return position
        },
        async write(bytes) {
          for (let done = 0; done < bytes.length; ) {
            const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position)
            done += bytesWritten
            position += bytesWritten
          }
        },
      })
      await handle.sync()
    } finally {
      await handle.close()
    }
  })
}

const unfinished = new Set<string>()
let watching = false

/** Whoever is in a hurry (Ctrl-C twice) does not wait until what was begun is taken away: then this does it. */
async function removeAtExit(): Promise<void> {
  if (watching) return
  watching = true
  const { rmSync } = await import('node:fs')
  process.once('exit', () => {
    for (const path of unfinished) rmSync(path, { force: true })
  })
}

export interface ReplaceOptions {
  /** Wait until the disk has the new name. True by default. */
  readonly sync?: boolean | undefined
}

/**
 * Lets a file be made under a temporary name beside its own, then renames it; nothing is left behind when that fails.
 *
 * @example
 * ```ts
 * const empty = { metadata: new Map(), tensors: [] }
 * await replaceFile('empty.gguf', (temporary) => writeGguf(temporary, empty))
 * ```
 */
export async function replaceFile(
  path: string,
  make: (temporary: string) => Promise<void>,
  { sync = true }: ReplaceOptions = {},
): Promise<void> {
  const { mkdir, rename, rm } = await import('node:fs/promises')
  const temporary = `${path}.${globalThis.crypto.randomUUID()}.tmp`
  await removeAtExit()
  unfinished.add(temporary)
  try {
    await mkdir(folderOf(path), { recursive: true })
    await make(temporary)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined)
    throw writeError(path, error)
  } finally {
    unfinished.delete(temporary)
  }
  if (sync) await syncFolder(folderOf(path))
}

/** What the operating system refused, as an error for people; anything else as it is. */
export function writeError(path: string, error: unknown): unknown {
  if (!(error instanceof Error && 'syscall' in error)) return error
  const full = 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')
  return new QtError({
    code: 'WRITE_FAILED',
    message: full ? `${path} does not fit: the disk is full.` : `${path} cannot be written: ${error.message}.`,
    where: { file: path },
    actions: [full ? 'Free some space and try again.' : 'Check the path, its permissions and the free space of the disk.'],
    cause: error,
  })
}

/** Makes renames inside a folder durable, where the platform lets a folder be opened. */
export async function syncFolder(folder: string): Promise<void> {
  const { open } = await import('node:fs/promises')
  const handle = await open(folder, 'r').catch(() => undefined)
  if (handle === undefined) return
  try {
    await handle.sync().catch(() => undefined)
  } finally {
    await handle.close()
  }
}

/** The data of one tensor: in memory, or made piece by piece when its turn comes. */
export type TensorData = Uint8Array | (() => AsyncIterable<Uint8Array>)

/** Writes data and checks that it is exactly as long as announced. */
export async function writeExactly(sink: ByteSink, data: TensorData, bytes: number, name: string): Promise<void> {
  const start = sink.position
  if (data instanceof Uint8Array) await sink.write(data)
  else for await (const piece of data()) await sink.write(piece)
  const written = sink.position - start
  if (written !== bytes) throw new Error(`the data of ${name} has ${written} bytes where ${bytes} were announced`)
}
