import { createReadStream } from 'node:fs'
import { createGunzip } from 'node:zlib'
import { messageOf, QtError, usageError } from '@qt/core'

/** Pieces of a UTF-8 file as text, unzipped when its name ends in .gz; a broken file is an error that names the line. */
async function* readText(file: string, line: () => number): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const source = createReadStream(file)
  const unzip = /\.gz$/i.test(file) ? createGunzip() : undefined
  if (unzip) source.once('error', (error) => unzip.destroy(error)).pipe(unzip)
  try {
    for await (const chunk of unzip ?? source) yield decoder.decode(chunk as Buffer, { stream: true })
    yield decoder.decode()
  } catch (cause) {
    if (QtError.isInstance(cause)) throw cause
    const encoding = cause instanceof TypeError
    throw usageError(
      encoding ? 'DATA_ENCODING' : 'DATA_UNREADABLE',
      encoding ? `${file} is not UTF-8 text.` : `${file} cannot be read: ${messageOf(cause)}.`,
      {
        where: { file, line: line() },
        actions: [encoding ? 'Save the file as UTF-8.' : 'Check that the file is complete and that you may read it.'],
        cause,
      },
    )
  } finally {
    source.destroy()
    unzip?.destroy()
  }
}

/** The lines of a file with their numbers from 1, streamed; \n and \r\n both end a line. */
export async function* readLines(file: string): AsyncGenerator<{ text: string; line: number }> {
  let line = 1
  let rest: string[] = []
  for await (const piece of readText(file, () => line)) {
    let from = 0
    for (let to = piece.indexOf('\n'); to >= 0; to = piece.indexOf('\n', from)) {
      rest.push(piece.slice(from, to))
      const text = rest.join('')
      yield { text: text.endsWith('\r') ? text.slice(0, -1) : text, line: line++ }
      rest = []
      from = to + 1
    }
    if (from < piece.length) rest.push(piece.slice(from))
  }
  if (rest.length > 0) yield { text: rest.join(''), line }
}

/** The whole text of a file. */
export async function readWhole(file: string): Promise<string> {
  const pieces: string[] = []
  let line = 1
  for await (const piece of readText(file, () => line)) {
    line += piece.split('\n').length - 1
    pieces.push(piece)
  }
  return pieces.join('')
}
