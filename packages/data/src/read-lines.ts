import { usageError } from '@qt/core'
import { readBytes, unreadable } from './reading/read-bytes.js'
import { TextParts } from './reading/text-parts.js'

/**
 * Pieces of a UTF-8 file or address as text, unpacked when it is gzip or Zstandard; a broken file is an error that names the line. When
 * `lenient`, bytes that are no UTF-8 are read as U+FFFD.
 */
export async function* readText(file: string, line: () => number, { lenient = false } = {}): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: !lenient })
  try {
    for await (const piece of readBytes(file)) yield decoder.decode(piece, { stream: true })
    yield decoder.decode()
  } catch (cause) {
    // Not any TypeError: a connection that breaks off is one, too.
    const encoding = cause instanceof TypeError && 'code' in cause && cause.code === 'ERR_ENCODING_INVALID_ENCODED_DATA'
    if (!encoding) throw unreadable(file, cause, line())
    throw usageError('DATA_ENCODING', `${file} is not UTF-8 text.`, {
      where: { file, line: line() },
      actions: ['Save the file as UTF-8.'],
      cause,
    })
  }
}

export interface Line {
  readonly text: string
  readonly line: number
}

/** The lines of a file with their numbers from 1, as many at a time as come in one piece; \n and \r\n both end a line. */
export async function* readLineBatches(file: string, options: { lenient?: boolean } = {}): AsyncGenerator<Line[]> {
  let line = 1
  const rest = new TextParts()
  for await (const piece of readText(file, () => line, options)) {
    const batch: Line[] = []
    let from = 0
    for (let to = piece.indexOf('\n'); to >= 0; to = piece.indexOf('\n', from)) {
      const last = piece.slice(from, to)
      const text = rest.length > 0 ? rest.end(last) : last
      batch.push({ text: text.endsWith('\r') ? text.slice(0, -1) : text, line: line++ })
      from = to + 1
    }
    if (from < piece.length) rest.push(piece.slice(from), { file, line })
    if (batch.length > 0) yield batch
  }
  if (rest.length > 0) yield [{ text: rest.end(''), line }]
}

/** The lines of a file with their numbers from 1, streamed. */
export async function* readLines(file: string, options: { lenient?: boolean } = {}): AsyncGenerator<Line> {
  for await (const batch of readLineBatches(file, options)) yield* batch
}

/** The whole text of a file. */
export async function readWhole(file: string, options: { lenient?: boolean } = {}): Promise<string> {
  const parts = new TextParts()
  let line = 1
  for await (const piece of readText(file, () => line, options)) {
    line += piece.split('\n').length - 1
    parts.push(piece, { file })
  }
  return parts.end('')
}
