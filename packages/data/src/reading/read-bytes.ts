import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { messageOf, QtError, usageError } from '@qt/core'
import { unpackZstd } from './unpack-zstd.js'

/** Whether a path is an address on the web rather than a file. */
export const isUrl = (path: string): boolean => /^https?:\/\//i.test(path)

/** The name of a file, or of what an address leads to without its query. */
export function nameOf(path: string): string {
  if (!isUrl(path)) return path
  const name = URL.canParse(path) ? new URL(path).pathname : path
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}

export type Packing = 'gzip' | 'zstd' | undefined

/** How some first bytes are packed. */
export function packingOf(first: Uint8Array): Packing {
  if (first[0] === 0x1f && first[1] === 0x8b) return 'gzip'
  return first[0] === 0x28 && first[1] === 0xb5 && first[2] === 0x2f && first[3] === 0xfd ? 'zstd' : undefined
}

/** The bytes of a file or an http(s) address in pieces, as they lie. */
export async function* readPacked(path: string): AsyncGenerator<Uint8Array> {
  if (!isUrl(path)) {
    const source = createReadStream(path, { highWaterMark: 1 << 18 })
    try {
      for await (const piece of source) yield piece as Buffer
    } finally {
      source.destroy()
    }
    return
  }
  const response = await fetch(path).catch((cause: unknown) => {
    throw unreachable(path, messageOf(cause instanceof Error && cause.cause ? cause.cause : cause), cause)
  })
  if (!response.ok || response.body === null) {
    await response.body?.cancel()
    throw unreachable(path, `the server answered ${response.status} ${response.statusText}`.trim())
  }
  for await (const piece of response.body) yield piece
}

/** The error for a file that cannot be read. */
export const unreadable = (file: string, cause: unknown, line?: number): QtError =>
  QtError.isInstance(cause)
    ? cause
    : usageError('DATA_UNREADABLE', `${file} cannot be read: ${messageOf(cause)}.`, {
        where: { file, ...(line === undefined ? {} : { line }) },
        actions: ['Check that the file is complete and that you may read it.'],
        cause,
      })

const unreachable = (path: string, why: string, cause?: unknown) =>
  usageError('DATA_UNREADABLE', `${path} cannot be read: ${why}.`, {
    where: { file: path },
    actions: ['Check the address in a browser.', 'Or download the file and name it here.'],
    cause,
  })

export async function packingOfFile(file: string): Promise<Packing> {
  try {
    for await (const piece of readPacked(file)) return packingOf(piece)
  } catch (cause) {
    throw unreadable(file, cause)
  }
  return undefined
}

/** The bytes of a file or an http(s) address in pieces, unpacked when they are gzip or Zstandard. */
export async function* readBytes(path: string): AsyncGenerator<Uint8Array> {
  const pieces = readPacked(path)
  const first = await pieces.next()
  if (first.done) {
    if (/\.(gz|zst)$/i.test(nameOf(path))) throw new Error('the file is empty, and no packed data')
    return
  }
  const all = continued(first.value, pieces)
  const packing = packingOf(first.value)
  if (packing === 'gzip') yield* gunzipped(all)
  else if (packing === 'zstd') yield* unpackZstd(all)
  else if (/\.(gz|zst)$/i.test(nameOf(path)) && !isUrl(path)) throw new Error('it is not packed as its name says')
  else yield* all
}

async function* continued(first: Uint8Array, rest: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield first
    yield* rest
  } finally {
    await rest.return(undefined)
  }
}

async function* gunzipped(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const source = Readable.from(pieces, { objectMode: false })
  const unzip = createGunzip({ chunkSize: 1 << 18 })
  source.once('error', (error) => unzip.destroy(error)).pipe(unzip)
  try {
    for await (const piece of unzip) yield piece as Buffer
  } finally {
    source.destroy()
    unzip.destroy()
  }
}
