import type { FileKind } from '../find-files.js'
import { readBytes, unreadable } from './read-bytes.js'

/** The kind of a file whose name does not say it, by how it begins. */
export async function kindByContent(file: string): Promise<FileKind> {
  const pieces: Uint8Array[] = []
  let length = 0
  try {
    for await (const piece of readBytes(file)) {
      pieces.push(piece)
      length += piece.length
      if (length >= 4096) break
    }
  } catch (cause) {
    throw unreadable(file, cause)
  }
  const start = new TextDecoder().decode(Buffer.concat(pieces).subarray(0, 4096)).replace(/^\uFEFF?\s*/, '')
  if (start.startsWith('PAR1')) return 'parquet'
  // One value after another is read as a list of them is.
  if (/^[[{]/.test(start)) return 'json'
  const [header = '', row] = start.split(/\r?\n/)
  const columns = header.split(/[,\t;|]/)
  return columns.length > 1 && row !== undefined && columns.every((name) => /^"?[\p{L}_][\p{L}\p{N}_ .-]{0,40}"?$/u.test(name))
    ? 'csv'
    : 'text'
}
