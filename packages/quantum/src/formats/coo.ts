import type { QuadraticModel, Vartype } from '../quadratic.js'
import { checkedModel } from '../quadratic-builder.js'
import { checkedSize, collectEntries, readEntry, type Source } from './entries.js'
import { linesOf } from './lines.js'
import { modelOfEntries } from './numbered.js'

/** Lines `i j value` from 0 on, `# vartype=SPIN` before them as dimod writes it; what stands on the diagonal is linear, for spins too. */
export function readCoo(source: Source): QuadraticModel {
  const lines = linesOf(source.bytes, source.file)
  const entries = collectEntries(source.bytes.length >> 4)
  const fields: [number, number][] = []
  let vartype: Vartype = 'binary'
  let largest = -1
  while (lines.next()) {
    if (lines.startsWith('#%c')) {
      const named = /vartype\s*=\s*(\w+)/i.exec(lines.text())?.[1]?.toUpperCase()
      if (named) vartype = named === 'SPIN' ? 'spin' : 'binary'
      continue
    }
    const { i, j, value } = readEntry(lines, source)
    if (Math.max(i, j) > largest) largest = checkedSize(source, lines.line, Math.max(i, j) + 1) - 1
    if (i === j) fields.push([i, value])
    else entries.add(i, j, value, lines.line)
  }
  const model = modelOfEntries(entries.done(), largest + 1, vartype)
  for (const [i, value] of fields) model.linear[i]! += value
  return checkedModel(model)
}

export function writeCoo({ vartype, linear, rows, columns, values, offset }: QuadraticModel): string {
  const pieces = [`# vartype=${vartype === 'spin' ? 'SPIN' : 'BINARY'}\n`]
  if (offset !== 0) pieces.push(`# offset=${offset}, which this format has no line for\n`)
  // The last variable is written even when it has no term, since the largest number is the only word on the size.
  for (let i = 0; i < linear.length; i++) if (linear[i] !== 0 || i === linear.length - 1) pieces.push(`${i} ${i} ${linear[i]}\n`)
  for (let k = 0; k < values.length; k++) pieces.push(`${rows[k]} ${columns[k]} ${values[k]}\n`)
  return pieces.join('')
}
