import { usageError } from '@qt/core'
import { checkEntry, type Importance, type ImportanceEntry, importanceWeights } from './importance.js'

/** Tokens that a piece of text is taken to have: the older form does not say, and llama.cpp takes its own usual size, too. */
const pieceTokens = 512

/**
 * The older form of llama.cpp (.dat), little-endian: a count of entries; for each the length of its name, the name, how many
 * batches were seen, the count of values, and as float32 the mean squares times the batches; then how many pieces of text, and
 * the name of the text. What it counts in pieces is counted in tokens from here on.
 */
export function importanceFromLegacy(bytes: Uint8Array, file: string): Importance {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  const need = (length: number) => {
    if (length < 0 || at + length > bytes.length)
      throw usageError('IMPORTANCE_DAMAGED', `${file} is no importance matrix, or it is cut off at byte ${at}.`, {
        where: { file, field: `byte ${at}` },
        actions: ['Give a file that llama-imatrix or qt wrote.', 'Compute the importance matrix again.'],
      })
    at += length
    return at - length
  }
  const int = () => view.getInt32(need(4), true)
  const text = () => new TextDecoder().decode(bytes.subarray(need(int()), at))
  const entries = new Map<string, ImportanceEntry>()
  const count = int()
  for (let i = 0; i < count; i++) {
    const name = text()
    const batches = int()
    const values = int()
    const start = need(4 * Math.max(values, -1))
    const sums = Float32Array.from({ length: values }, (_, k) => pieceTokens * view.getFloat32(start + 4 * k, true))
    const entry = { sums, counts: Float32Array.of(pieceTokens * batches) }
    checkEntry(name, entry, file)
    entries.set(name, entry)
  }
  const chunks = at < bytes.length ? int() : 0
  return { entries, datasets: at < bytes.length ? [text()] : [], chunks, chunkSize: pieceTokens }
}

export function importanceToLegacy({ entries, chunks, datasets }: Importance): Uint8Array {
  const encoder = new TextEncoder()
  const pieces: Uint8Array[] = []
  const ints = (...values: number[]) => pieces.push(new Uint8Array(Int32Array.from(values).buffer))
  const text = (value: string) => {
    const bytes = encoder.encode(value)
    ints(bytes.length)
    pieces.push(bytes)
  }
  const batches = Math.max(1, chunks)
  ints(entries.size)
  for (const [name, entry] of entries) {
    text(name)
    ints(batches, entry.sums.length)
    pieces.push(new Uint8Array(importanceWeights(entry).map((weight) => weight * batches).buffer))
  }
  ints(chunks)
  text(datasets[0] ?? '')
  const out = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) {
    out.set(piece, at)
    at += piece.length
  }
  return out
}
