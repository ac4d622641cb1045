import { createHash } from 'node:crypto'
import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { endianness } from 'node:os'
import { type PackedRow, QtError, type RowSource } from '@qt/core'
import { bytesOf, headerBytes, indexNumbers, parseHeader, type ShardHeader, shardBytes, shardError } from './shard-layout.js'

/** Maps a file into memory; only read. */
export type MapFile = (path: string) => ArrayBuffer

/**
 * The rows of one shard. With `map` their arrays are views of the mapped file: nothing is copied, and the system keeps in memory what is used.
 * Without it each row is read when it is asked for.
 */
export function openShard(
  path: string,
  { map }: { map?: MapFile | undefined } = {},
): RowSource & { readonly header: ShardHeader } {
  if (endianness() !== 'LE')
    throw new QtError({ code: 'DATA_SHARD', message: 'Shards of tokens are read on little-endian machines only.', actions: [] })
  const { size } = statSync(path)
  const numbers = map ? mapped(path, map, size) : positioned(path)
  const header = parseHeader(bytesOf(numbers(0, Math.min(headerBytes, size - (size % 4)) / 4)), size, path)
  const first = headerBytes / 4
  const index = numbers(first + header.numbers, indexNumbers * header.rows)
  return {
    header,
    length: header.rows,
    row(row): PackedRow {
      if (!(row >= 0 && row < header.rows)) throw new RangeError(`there is no row ${row}; there are ${header.rows}`)
      const [at = 0, tokens = 0, borders = 0, weighed = 0] = index.subarray(indexNumbers * row, indexNumbers * (row + 1))
      const all = numbers(first + at, borders + 1 + (weighed ? 3 : 2) * tokens)
      const part = (number: number) => all.subarray(borders + 1 + number * tokens, borders + 1 + (number + 1) * tokens)
      const parts = { documents: all.subarray(0, borders + 1), ids: part(0), labels: part(1) }
      if (!weighed) return parts
      const { buffer, byteOffset, length } = part(2)
      return { ...parts, weights: new Float32Array(buffer, byteOffset, length) }
    },
  }
}

type Numbers = (from: number, count: number) => Int32Array

function mapped(path: string, map: MapFile, size: number): Numbers {
  const buffer = map(path)
  if (buffer.byteLength !== size) throw shardError(path, 'The shard changed while it was opened.')
  return (from, count) => new Int32Array(buffer, 4 * from, count)
}

function positioned(path: string): Numbers {
  return (from, count) => {
    const out = new Int32Array(count)
    const bytes = bytesOf(out)
    const file = openSync(path, 'r')
    try {
      for (let at = 0; at < bytes.length; ) {
        const read = readSync(file, bytes, at, bytes.length - at, 4 * from + at)
        if (read === 0) throw shardError(path, 'The shard ended while it was read.')
        at += read
      }
    } finally {
      closeSync(file)
    }
    return out
  }
}

/** Reads a shard once and compares its content with the hash in its header. */
export function verifyShard(path: string, header: ShardHeader): void {
  const hash = createHash('sha256')
  const buffer = Buffer.allocUnsafe(4 << 20)
  const file = openSync(path, 'r')
  try {
    for (let at = headerBytes; at < shardBytes(header); ) {
      const read = readSync(file, buffer, 0, buffer.length, at)
      if (read === 0) break
      hash.update(buffer.subarray(0, read))
      at += read
    }
  } finally {
    closeSync(file)
  }
  if (hash.digest('hex') !== header.hash)
    throw shardError(path, 'The content of the shard is not what was written: it is damaged.')
}
