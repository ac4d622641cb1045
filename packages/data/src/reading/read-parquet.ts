import { open } from 'node:fs/promises'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { type ErrorLocation, messageOf, QtError, usageError } from '@qt/core'
import { decompress } from 'fzstd'
import { type AsyncBuffer, asyncBufferFromUrl, parquetMetadataAsync, parquetReadObjects } from 'hyparquet'
import { duckdb } from './duckdb.js'
import { plainValue } from './plain-value.js'
import { isUrl } from './read-bytes.js'

export interface ParquetRow {
  readonly value: Record<string, unknown>
  readonly where: ErrorLocation
}

export interface ReadParquetOptions {
  /** DuckDB never holds more than it needs; without it a whole row group lies in memory. Default: DuckDB when it is installed. */
  readonly reader?: 'duckdb' | 'hyparquet' | undefined
}

/** The rows of a Parquet file or address, some thousand at a time. */
export async function* readParquetBatches(file: string, { reader }: ReadParquetOptions = {}): AsyncGenerator<ParquetRow[]> {
  let row = 1
  try {
    // DuckDB reads addresses by an extension of its own, which it would have to download.
    const rows = isUrl(file) || reader === 'hyparquet' ? withHyparquet(file) : await withDuckdb(file, reader === 'duckdb')
    for await (const batch of rows) yield batch.map((value) => ({ value: plainRow(value), where: { file, row: row++ } }))
  } catch (cause) {
    if (QtError.isInstance(cause)) throw cause
    throw usageError('DATA_UNREADABLE', `${file} cannot be read as Parquet: ${messageOf(cause).replace(/\.$/, '')}.`, {
      where: { file, row },
      actions: ['Check that the file is complete.', 'Install @duckdb/node-api, which reads every kind of Parquet file.'],
      cause,
    })
  }
}

function plainRow(value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  for (const [key, one] of Object.entries(value)) out[key] = plainValue(one)
  return out
}

async function withDuckdb(file: string, required: boolean): Promise<AsyncIterable<Record<string, unknown>[]>> {
  const library = await duckdb(required)
  return library === undefined ? withHyparquet(file) : streamDuckdb(library, file)
}

async function* streamDuckdb(library: typeof import('@duckdb/node-api'), file: string) {
  const instance = await library.DuckDBInstance.create(':memory:', { memory_limit: '512MB', threads: '2' })
  const connection = await instance.connect()
  try {
    // A name is text in SQL, and its wildcards are letters here.
    const name = file.replace(/[*?[]/g, '[$&]').replaceAll("'", "''")
    const result = await connection.stream(`SELECT * FROM read_parquet('${name}')`)
    for await (const rows of result.yieldRowObjectJs()) yield rows
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

async function* withHyparquet(path: string): AsyncGenerator<Record<string, unknown>[]> {
  const handle = isUrl(path) ? undefined : await open(path)
  try {
    const file = handle === undefined ? await asyncBufferFromUrl({ url: path }) : await localBuffer(handle)
    const metadata = await parquetMetadataAsync(file)
    let rowStart = 0
    for (const { num_rows } of metadata.row_groups) {
      const rowEnd = rowStart + Number(num_rows)
      yield await parquetReadObjects({ file, metadata, rowStart, rowEnd, compressors })
      rowStart = rowEnd
    }
  } finally {
    await handle?.close()
  }
}

async function localBuffer(handle: Awaited<ReturnType<typeof open>>): Promise<AsyncBuffer> {
  const { size } = await handle.stat()
  return {
    byteLength: size,
    async slice(start, end = size) {
      const bytes = new Uint8Array(Math.max(0, end - start))
      let done = 0
      while (done < bytes.length) {
        const { bytesRead } = await handle.read(bytes, done, bytes.length - done, start + done)
        if (bytesRead === 0) throw new Error('the file ends too early')
        done += bytesRead
      }
      return bytes.buffer
    },
  }
}

const compressors = {
  GZIP: (input: Uint8Array) => new Uint8Array(gunzipSync(input)),
  BROTLI: (input: Uint8Array) => new Uint8Array(brotliDecompressSync(input)),
  ZSTD: (input: Uint8Array) => decompress(input),
}
