import { messageOf, QtError, usageError } from '@qt/core'

/** Bytes that can be read at any position: a file (Node), a Blob (browser) or memory. */
export interface ByteSource {
  /** The path, or a description for error messages. */
  readonly name: string
  readonly size: number
  /** Exactly `length` bytes from `offset`; throws when the source is shorter. */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>
}

export type SourceInput = string | Blob | Uint8Array

/** Opens a path, Blob or byte array. Nothing stays open between reads. */
export async function openSource(input: SourceInput): Promise<ByteSource> {
  if (typeof input === 'string') return openFile(input)
  if (input instanceof Uint8Array) return bytesSource(input)
  return blobSource(input)
}

async function openFile(path: string): Promise<ByteSource> {
  const { open, stat } = await import('node:fs/promises')
  const status = await stat(path).catch((cause: unknown) => {
    throw usageError('FILE_UNREADABLE', `The file ${path} cannot be read: ${messageOf(cause)}.`, {
      where: { file: path },
      actions: ['Check the path and its permissions.'],
      cause,
    })
  })
  if (!status.isFile())
    throw usageError('NOT_A_FILE', `${path} is not a file.`, { where: { file: path }, actions: ['Give the path of a file.'] })
  return {
    name: path,
    size: status.size,
    async read(offset, length) {
      const bytes = new Uint8Array(length)
      const handle = await open(path, 'r')
      try {
        let done = 0
        while (done < length) {
          const { bytesRead } = await handle.read(bytes, done, Math.min(length - done, 2 ** 30), offset + done)
          if (bytesRead === 0) throw truncated(path, offset + length)
          done += bytesRead
        }
      } finally {
        await handle.close()
      }
      return bytes
    },
  }
}

const bytesSource = (bytes: Uint8Array): ByteSource => ({
  name: 'bytes',
  size: bytes.length,
  read: async (offset, length) => {
    if (offset + length > bytes.length) throw truncated('bytes', offset + length)
    return new Uint8Array(bytes.subarray(offset, offset + length))
  },
})

const blobSource = (blob: Blob): ByteSource => ({
  name: 'name' in blob && typeof blob.name === 'string' ? blob.name : 'blob',
  size: blob.size,
  read: async (offset, length) => {
    if (offset + length > blob.size) throw truncated('blob', offset + length)
    return new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer())
  },
})

const truncated = (file: string, end: number) =>
  new QtError({
    code: 'FILE_TRUNCATED',
    message: `The file ends before byte ${end}, which its header says is there.`,
    where: { file },
    actions: ['Download or copy the file again.'],
  })

const chunkBytes = 8 * 2 ** 20

/** A range of a source in pieces of a few megabytes. */
export async function* readChunks(source: ByteSource, offset: number, bytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes; at += chunkBytes) yield await source.read(offset + at, Math.min(chunkBytes, bytes - at))
}
