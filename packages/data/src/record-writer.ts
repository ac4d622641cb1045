import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { finished } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { usageError } from '@qt/core'
import { fileKind } from './find-files.js'
import { isUrl, nameOf } from './reading/read-bytes.js'
import { csvCell } from './reading/read-csv.js'

export interface RecordWriter {
  /** A record that is written already, as a line of JSON. */
  raw(text: string): Promise<void>
  value(value: Readonly<Record<string, unknown>>): Promise<void>
  /** Puts the file in its place, unless it is not to be kept. */
  end(keep?: boolean): Promise<void>
  /** Leaves everything as it was. */
  abandon(): Promise<void>
}

/** Writes records into a new file, which takes its name at the end: .jsonl, .json, .csv or .tsv, also .gz. */
export function openRecordWriter(out: string): RecordWriter {
  const kind = isUrl(out) ? undefined : fileKind(out)
  if (kind === undefined || kind === 'parquet' || kind === 'text' || /\.zst$/i.test(out))
    throw usageError('DATA_FILE_UNSUPPORTED', `${out} cannot be written.`, {
      where: { file: out },
      actions: ['Name another file to write to with --out: .jsonl, .json, .csv or .tsv, also .gz.'],
    })
  const temporary = `${out}.${process.pid}.tmp`
  const sink = createWriteStream(temporary)
  const gzip = /\.gz$/i.test(out) ? createGzip() : undefined
  gzip?.pipe(sink)
  const target = gzip ?? sink
  // Kept for whoever writes next: an error of a stream comes when it likes.
  let failure: Error | undefined
  sink.on('error', (error) => {
    failure = error
  })
  const separator = /\.tsv(\.gz)?$/i.test(nameOf(out)) ? '\t' : ','
  let count = 0
  let columns: string[] | undefined
  const put = async (text: string): Promise<void> => {
    if (failure) throw failure
    if (!target.write(text)) await once(target, 'drain')
  }
  const cell = (value: unknown): string =>
    csvCell(value === undefined || value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value), separator)
  return {
    raw: (text: string): Promise<void> => {
      count++
      return put(`${text}\n`)
    },
    value: async (value: Readonly<Record<string, unknown>>): Promise<void> => {
      if (kind === 'json') await put(`${count === 0 ? '[\n' : ',\n'}${JSON.stringify(value)}`)
      else if (kind === 'csv') {
        if (columns === undefined) {
          columns = Object.keys(value)
          await put(`${columns.map((name) => csvCell(name, separator)).join(separator)}\n`)
        }
        await put(`${columns.map((name) => cell(value[name])).join(separator)}\n`)
      } else await put(`${JSON.stringify(value)}\n`)
      count++
    },
    async end(keep = true): Promise<void> {
      if (kind === 'json') await put(count === 0 ? '[]\n' : '\n]\n')
      target.end()
      await finished(sink)
      if (keep) await rename(temporary, out)
      else await rm(temporary, { force: true })
    },
    async abandon(): Promise<void> {
      target.destroy()
      sink.destroy()
      await rm(temporary, { force: true })
    },
  }
}
