import { writeFile } from 'node:fs/promises'
import { uniform } from '@qt/core'

/** Rows of random ids below `vocabulary`, every one trainable, as tokens JSONL; the same on every machine. */
export async function writeTokenRows(file: string, rows: number, length: number, vocabulary: number): Promise<void> {
  const lines = Array.from({ length: rows }, (_, row) => {
    const ids = Array.from({ length }, (_, index) => Math.floor(uniform(1, 'sample', row, index) * vocabulary))
    return JSON.stringify({ input_ids: ids })
  })
  await writeFile(file, `${lines.join('\n')}\n`)
}
