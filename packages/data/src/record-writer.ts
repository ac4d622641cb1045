import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { finished } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { messageOf, QtError, usageError } from '@qt/core'
import { type FileKind, fileKind } from './find-files.js'
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

/** How records are written to a file of some name; undefined when they cannot be. */
export function writtenKind(out: string): Exclude<FileKind, 'parquet' | 'text'> | undefined {
  const kind = isUrl(out) || /\.zst$/i.test(out) ? undefined : fileKind(out)
  return kind === 'parquet' || kind === 'text' ? undefined : kind
}

/** The error for a file of a kind that is not written. */
export const notWritten = (out: string): QtError =>
  usageError('DATA_FILE_UNSUPPORTED', `${out} cannot be written.`, {
    where: { file: out },
    actions: ['Name another file to write to with --out: .jsonl, .json, .csv or .tsv, also .gz.'],
  })

/** Writes records into a new file, which takes its name at the end: .jsonl, .json, .csv or .tsv, also .gz. */
export function openRecordWriter(out: string): RecordWriter {
  const kind = writtenKind(out)
  if (kind === undefined) throw notWritten(out)
  const temporary = `${out}.${process.pid}.tmp`
  const sink = createWriteStream(temporary)
  const gzip = /\.gz$/i.test(out) ? createGzip() : undefined
  gzip?.pipe(sink)
  const target = gzip ?? sink
  // Kept for whoever writes next: an error of a stream comes when it likes.
  let failure: Error | undefined
  sink.on('error', (error) => {
    failure = error
    gzip?.destroy(error)
  })
  gzip?.on('error', () => {})
  const separator = /\.tsv(\.gz)?$/i.test(nameOf(out)) ? '\t' : ','
  let count = 0
  let columns: readonly string[] | undefined

  const put = async (text: string): Promise<void> => {
    try {
      if (failure) throw failure
      if (!target.write(text)) await once(target, 'drain')
    } catch (cause) {
      throw writeFailed(out, cause)
    }
  }
  const row = (cells: readonly string[]): Promise<void> =>
    put(`${cells.map((cell) => csvCell(cell, separator)).join(separator)}\n`)

  return {
    raw: (text) => {
      count++
      return put(`${text}\n`)
    },
    async value(value) {
      if (kind === 'json') await put(`${count === 0 ? '[\n' : ',\n'}${JSON.stringify(value)}`)
      else if (kind === 'lines') await put(`${JSON.stringify(value)}\n`)
      else {
        if (columns === undefined) {
          columns = Object.keys(value)
          await row(columns)
        }
        const names = columns
        const lost = Object.keys(value).find((key) => !names.includes(key))
        if (lost !== undefined) throw noColumn(out, lost)
        await row(names.map((name) => cellText(value[name])))
      }
      count++
    },
    async end(keep = true) {
      if (kind === 'json') await put(count === 0 ? '[]\n' : '\n]\n')
      try {
        target.end()
        await finished(sink)
        if (keep) await rename(temporary, out)
        else await rm(temporary, { force: true })
      } catch (cause) {
        throw writeFailed(out, cause)
      }
    },
    async abandon() {
      const closed = sink.closed ? undefined : once(sink, 'close').catch(() => undefined)
      gzip?.destroy()
      sink.destroy()
      await closed
      await rm(temporary, { force: true })
    },
  }
}

const cellText = (value: unknown): string =>
  value === undefined || value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value)

/** The error for a file that could not be written. */
export const writeFailed = (out: string, cause: unknown): QtError =>
  new QtError({
    code: 'WRITE_FAILED',
    message: `${out} cannot be written: ${messageOf(cause)}.`,
    where: { file: out },
    actions: ['Check that the folder is there, that you may write to it, and that the disk is not full.'],
    cause,
  })

const noColumn = (out: string, field: string): QtError =>
  usageError('DATA_COLUMN_MISSING', `A record has a field "${field}", for which ${out} has no column.`, {
    where: { file: out, field },
    actions: ['Write to a .jsonl file: its records may have different fields.'],
  })
