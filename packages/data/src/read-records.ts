import { type ErrorLocation, messageOf, QtError, usageError } from '@qt/core'
import { fileKind } from './find-files.js'
import { layoutOf, opened } from './layouts.js'
import { type Line, readLineBatches, readText, readWhole } from './read-lines.js'
import { kindByContent } from './reading/kind-by-content.js'
import { readCsv } from './reading/read-csv.js'
import { readParquetBatches } from './reading/read-parquet.js'
import { JsonSplitter, type JsonText } from './reading/split-json.js'

/** One example as it lies in a file, and where. */
export interface DataRecord {
  readonly value: Readonly<Record<string, unknown>>
  readonly where: ErrorLocation
}

/**
 * The records of a data file or address, streamed: a line of JSONL each, an element of a JSON list, a row of CSV, TSV or Parquet, a text
 * file as one `{ text }`. However large the file, only a little of it is in memory.
 *
 * @example
 * ```ts
 * for await (const { value, where } of readRecords('rows.jsonl')) console.log(where.line, Object.keys(value))
 * ```
 */
export async function* readRecords(file: string, options: ReadRecordsOptions = {}): AsyncGenerator<DataRecord> {
  for await (const batch of readRecordBatches(file, options)) yield* batch
}

export interface ReadRecordsOptions {
  /**
   * Given: told of records that cannot be read, which are then passed over; `ended` when nothing after it can be read either.
   */
  readonly onError?: ((error: QtError, ended: boolean) => void) | undefined
  /** Read bytes that are no UTF-8 as U+FFFD. Default: when `onError` is given. */
  readonly lenient?: boolean | undefined
}

/** The same, as many at a time as come in one piece: several times faster than one by one. */
export async function* readRecordBatches(
  file: string,
  { onError, lenient = onError !== undefined }: ReadRecordsOptions = {},
): AsyncGenerator<readonly DataRecord[]> {
  const passed = onError && ((error: QtError) => onError(error, false))
  try {
    const kind = fileKind(file) ?? (await kindByContent(file))
    if (kind === 'text') yield [{ value: { text: await readWhole(file, { lenient }) }, where: { file } }]
    else if (kind === 'json') yield* readJson(file, lenient, passed)
    else if (kind === 'parquet') for await (const rows of readParquetBatches(file)) yield rows.map(unfolded)
    else if (kind === 'csv')
      for await (const rows of batched(readCsv(file, { lenient, onError: passed }), 256)) yield rows.map(unfolded)
    else for await (const lines of readLineBatches(file, { lenient })) yield lineRecords(lines, file, passed)
  } catch (error) {
    if (onError === undefined || !QtError.isInstance(error)) throw error
    onError(error, true)
  }
}

const unfolded = ({ value, where }: DataRecord): DataRecord => ({ value: opened(value), where })

type Passed = ((error: QtError) => void) | undefined

/** Runs something that may find a record unreadable. */
function tried<T>(onError: Passed, run: () => T): T | undefined {
  if (onError === undefined) return run()
  try {
    return run()
  } catch (error) {
    if (!QtError.isInstance(error)) throw error
    onError(error)
    return undefined
  }
}

function lineRecords(lines: readonly Line[], file: string, onError: Passed): DataRecord[] {
  const out: DataRecord[] = []
  for (const { text, line } of lines) {
    if (text.trim() === '') continue
    const where = { file, line }
    const found = tried(onError, () => recordOfLine(text, where))
    if (found) out.push(found)
  }
  return out
}

/** The record on a line of JSONL. */
export function recordOfLine(text: string, where: ErrorLocation): DataRecord {
  return record(parse(where.line === 1 ? text.replace(/^\uFEFF/, '') : text, where), where)
}

async function* readJson(file: string, lenient: boolean, onError: Passed): AsyncGenerator<DataRecord[]> {
  const splitter = new JsonSplitter(file)
  let index = 0
  const records = (texts: readonly JsonText[]): DataRecord[] =>
    texts.flatMap(({ text, line }) => {
      const where: ErrorLocation = { file, line, ...(splitter.list === 'none' ? {} : { field: `[${index++}]` }) }
      return tried(onError, () => recordsOf(elementOf(text, where, splitter.list), where, splitter.list === 'none')) ?? []
    })
  for await (const piece of readText(file, () => splitter.line, { lenient })) {
    const found = records(splitter.push(piece))
    if (found.length > 0) yield found
  }
  yield records(splitter.end())
  if (splitter.list === 'open') tried(onError, () => notClosed({ file, line: splitter.line }))
}

function notClosed(where: ErrorLocation): never {
  throw usageError('DATA_SYNTAX', 'The list is not closed: the file was cut off.', {
    where,
    actions: ['Get the file again, or close the list with ].'],
  })
}

/** A value of a file; of a list also several that are no objects, which come in one piece. */
function elementOf(text: string, where: ErrorLocation, list: JsonSplitter['list']): unknown {
  try {
    return parse(text, where)
  } catch (error) {
    if (list === 'none' || !isJson(`[${text}]`)) throw error
    return undefined
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function recordsOf(value: unknown, where: ErrorLocation, alone: boolean): DataRecord[] {
  const inner = alone ? wrapped(value) : undefined
  return inner ? inner.list.map((one, i) => record(one, { ...where, field: `${inner.key}[${i}]` })) : [record(value, where)]
}

/** Files that say `{"data": […]}` around their records. */
function wrapped(value: unknown): { key: string; list: readonly unknown[] } | undefined {
  if (!isPlain(value) || layoutOf(value) !== undefined) return undefined
  for (const key of ['data', 'rows', 'examples', 'train', 'instances']) {
    const list = value[key]
    if (Array.isArray(list) && list.every(isPlain)) return { key, list }
  }
  return undefined
}

const isPlain = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function parse(text: string, where: ErrorLocation): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    const lines = where.file !== undefined && fileKind(where.file) === 'lines'
    throw usageError('DATA_SYNTAX', `This is not valid JSON: ${messageOf(cause)}.`, {
      where,
      actions: [lines ? 'Correct that line: JSONL has one whole JSON object on each line.' : 'Correct the syntax.'],
      cause,
    })
  }
}

function record(value: unknown, where: ErrorLocation): DataRecord {
  if (Array.isArray(value) && isMessage(value[0])) return { value: { messages: value }, where }
  if (isPlain(value)) return { value, where }
  throw usageError('DATA_RECORD_INVALID', 'A record must be a JSON object.', {
    where,
    actions: ['Write each example as {"…": …}.'],
  })
}

const isMessage = (value: unknown): boolean => isPlain(value) && (Object.hasOwn(value, 'role') || Object.hasOwn(value, 'from'))

async function* batched<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let batch: T[] = []
  for await (const item of items) {
    batch.push(item)
    if (batch.length < size) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
