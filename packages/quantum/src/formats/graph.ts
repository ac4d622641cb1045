import type { QuadraticModel } from '../quadratic.js'
import { checkedSize, collectEntries, type Entries, fileError, readEntry, type Source } from './entries.js'
import { linesOf } from './lines.js'
import { fromOne, modelOfEntries } from './numbered.js'

/** A header `variables entries …` (G1 has a third word) and that many lines `i j value`. */
function readListed(source: Source, defaultValue?: number): { size: number; entries: Entries } {
  const lines = linesOf(source.bytes, source.file)
  const entries = collectEntries(source.bytes.length >> 4)
  let header: { size: number; count: number } | undefined
  while (lines.next()) {
    if (lines.startsWith('#%c')) continue
    if (!header) {
      const [size, count] = [lines.number(), lines.number()]
      if (size === undefined || count === undefined || !Number.isInteger(size) || !Number.isInteger(count) || size < 0)
        throw fileError(
          source,
          lines.line,
          `"${lines.text()}" is no header.`,
          'Write the number of variables and that of the lines that follow.',
        )
      header = { size: checkedSize(source, lines.line, size), count }
      continue
    }
    const { i, j, value } = readEntry(lines, source, defaultValue)
    entries.add(i, j, value, lines.line)
  }
  if (!header) throw fileError(source, undefined, 'The file is empty.', 'Write a header and the entries.')
  if (header.count !== entries.count) source.warn(`The header promises ${header.count} lines, the file has ${entries.count}.`)
  return { size: header.size, entries: fromOne(entries.done(), header.size, source) }
}

/** A graph of which the largest cut is asked: energy = −cut = Σ w (s s' − 1) / 2. Edges without a weight weigh 1. */
export function readGset(source: Source): QuadraticModel {
  const { size, entries } = readListed(source, 1)
  const loop = entries.rows.findIndex((i, k) => i === entries.columns[k])
  if (loop >= 0)
    throw fileError(
      source,
      entries.lines[loop],
      'An edge leads from a vertex to itself.',
      'Remove it, or say --format biqmac if this is no graph.',
    )
  const model = modelOfEntries(entries, size, 'spin', 0.5)
  return { ...model, offset: -model.values.reduce((a, b) => a + b, 0) }
}

/** A symmetric matrix given by one half: minimise xᵀQx, in which what is off the diagonal counts twice. */
export function readBiqmac(source: Source): QuadraticModel {
  const { size, entries } = readListed(source)
  return modelOfEntries(entries, size, 'binary', 2)
}
