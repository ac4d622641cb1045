import { type ErrorLocation, type QtError, usageError } from '@qt/core'
import { readLines } from '../read-lines.js'
import { nameOf } from './read-bytes.js'

export interface CsvRow {
  readonly cells: readonly string[]
  /** The line that the row begins on. */
  readonly line: number
}

/** A quotation mark that is never closed would swallow the rest of the file. */
const longest = 16 * 2 ** 20

/** A row that may go on in the next line. */
interface OpenRow {
  readonly cells: string[]
  /** Of a cell whose quotation mark is still open. */
  cell: string[] | undefined
}

/** The rows of a file of separated values (RFC 4180): cells in quotation marks may hold separators and line breaks. */
export async function* readCsvRows(file: string, options: { lenient?: boolean } = {}): AsyncGenerator<CsvRow> {
  let separator = /\.tsv(\.|$)/i.test(nameOf(file)) ? '\t' : undefined
  let open: { row: OpenRow; line: number; length: number } | undefined
  for await (const { text: raw, line } of readLines(file, options)) {
    const text = line === 1 ? raw.replace(/^\uFEFF/, '') : raw
    if (open === undefined && text.trim() === '') continue
    separator ??= separatorOf(text)
    const current: { row: OpenRow; line: number; length: number } = open ?? {
      row: { cells: [], cell: undefined },
      line,
      length: 0,
    }
    current.length += text.length + 1
    if (!readInto(current.row, text, separator)) {
      if (current.length > longest) throw neverClosed({ file, line: current.line })
      open = current
      continue
    }
    open = undefined
    yield { cells: current.row.cells, line: current.line }
  }
  if (open) throw neverClosed({ file, line: open.line })
}

const neverClosed = (where: ErrorLocation) =>
  usageError('DATA_SYNTAX', 'A quotation mark is opened here and never closed.', {
    where,
    actions: ['Close it, or write "" for a quotation mark inside a cell.'],
  })

/** The separator that the first line has most of, outside quotation marks. */
function separatorOf(header: string): string {
  const bare = header.replace(/"[^"]*"/g, '')
  const counts = [',', '\t', ';', '|'].map((one) => [one, bare.split(one).length] as const)
  return counts.reduce((best, one) => (one[1] > best[1] ? one : best))[0]
}

/** The cells of a row, or undefined when a quotation mark is still open. */
export function splitRow(text: string, separator: string): string[] | undefined {
  const row: OpenRow = { cells: [], cell: undefined }
  return readInto(row, text, separator) ? row.cells : undefined
}

/** Reads a line into a row; false when the row goes on in the next line. */
function readInto(row: OpenRow, text: string, separator: string): boolean {
  let at = 0
  for (;;) {
    let before = ''
    if (row.cell !== undefined || text[at] === '"') {
      const goesOn = row.cell !== undefined
      const parts = row.cell ?? []
      if (goesOn) parts.push('\n')
      let from = goesOn ? at : at + 1
      row.cell = parts
      for (;;) {
        const quote = text.indexOf('"', from)
        parts.push(text.slice(from, quote < 0 ? undefined : quote))
        if (quote < 0) return false
        from = quote + 1
        if (text[from] !== '"') break
        parts.push('"')
        from++
      }
      row.cell = undefined
      before = parts.join('')
      at = from
    }
    // What follows a closed cell without a separator belongs to it, as spreadsheets read it.
    const next = text.indexOf(separator, at)
    row.cells.push(before + text.slice(at, next < 0 ? undefined : next))
    if (next < 0) return true
    at = next + 1
  }
}

/** A cell as it is written: in quotation marks where it needs them. */
export const csvCell = (text: string, separator = ','): string =>
  /["\r\n]/.test(text) || text.includes(separator) || text.trim() !== text ? `"${text.replaceAll('"', '""')}"` : text

/** The rows below the header as records of texts; with `onError` a row that does not fit is reported and passed over. */
export async function* readCsv(
  file: string,
  { lenient = false, onError }: { lenient?: boolean; onError?: ((error: QtError) => void) | undefined } = {},
): AsyncGenerator<{ value: Record<string, string>; where: ErrorLocation }> {
  let header: readonly string[] | undefined
  for await (const { cells, line } of readCsvRows(file, { lenient })) {
    const where = { file, line }
    if (header === undefined) {
      header = checked(
        cells.map((name) => name.trim()),
        where,
      )
      continue
    }
    if (cells.length !== header.length) {
      const error = wrongLength(cells.length, header.length, where)
      if (onError === undefined) throw error
      onError(error)
      continue
    }
    const value: Record<string, string> = {}
    for (let i = 0; i < header.length; i++) value[header[i]!] = cells[i]!
    yield { value, where }
  }
}

const wrongLength = (cells: number, columns: number, where: ErrorLocation) =>
  usageError('DATA_SYNTAX', `This row has ${cells} cells, the header ${columns}.`, {
    where,
    actions: [
      'Put cells that hold separators or line breaks in quotation marks.',
      'Write "" for a quotation mark inside a cell.',
    ],
  })

function checked(header: readonly string[], where: ErrorLocation): readonly string[] {
  const twice = header.find((name, index) => header.indexOf(name) < index)
  if (twice === undefined && header.every((name) => name !== '' && name !== '__proto__')) return header
  throw usageError('DATA_SYNTAX', twice ? `Two columns are called "${twice}".` : 'A column has no name.', {
    where,
    actions: ['Give every column in the first row a name of its own.'],
  })
}
