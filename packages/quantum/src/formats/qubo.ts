import type { QuadraticModel } from '../quadratic.js'
import { toBinary } from '../vartype.js'
import { checkedSize, collectEntries, fileError, readEntry, type Source } from './entries.js'
import { linesOf } from './lines.js'
import { modelOfEntries, tooLarge } from './numbered.js'

/**
 * qbsolv's format: comments `c …`, one line `p qubo topology variables nodes couplers`, then `i i value` and `i j value` from 0 on.
 * It is minimised; only Beasley's instances, written for `qbsolv -m`, are maximised.
 */
export function readQubo(source: Source): { model: QuadraticModel; maximise: boolean } {
  const lines = linesOf(source.bytes, source.file)
  const entries = collectEntries(source.bytes.length >> 4)
  let size: number | undefined
  let announced: [number, number] | undefined
  let maximise = false
  let [nodes, couplers] = [0, 0]
  while (lines.next()) {
    if (lines.startsWith('c#')) {
      if (/beasley/i.test(lines.text())) maximise = true
      continue
    }
    if (lines.startsWith('p')) {
      if (size !== undefined) throw fileError(source, lines.line, 'There is a second line "p qubo …".', 'Remove one of them.')
      const [, kind, , variables, nodeCount, couplerCount] = lines.text().split(/\s+/)
      size = Number(variables)
      if (kind !== 'qubo' || !Number.isInteger(size) || size < 0)
        throw fileError(source, lines.line, `"${lines.text()}" is no header.`, 'Write: p qubo 0 VARIABLES NODES COUPLERS')
      checkedSize(source, lines.line, size)
      announced = [Number(nodeCount), Number(couplerCount)]
      continue
    }
    if (size === undefined)
      throw fileError(
        source,
        lines.line,
        'The line "p qubo …" has to come before the first term.',
        'Write: p qubo 0 VARIABLES NODES COUPLERS',
      )
    const { i, j, value } = readEntry(lines, source)
    if (Math.max(i, j) >= size) throw tooLarge(source, lines.line, Math.max(i, j), size)
    if (i === j) nodes++
    else couplers++
    entries.add(i, j, value, lines.line)
  }
  if (size === undefined)
    throw fileError(source, undefined, 'There is no line "p qubo …".', 'Write: p qubo 0 VARIABLES NODES COUPLERS')
  if (announced && (announced[0] !== nodes || announced[1] !== couplers))
    source.warn(`The header promises ${announced[0]} nodes and ${announced[1]} couplers, the file has ${nodes} and ${couplers}.`)
  if (maximise)
    source.warn(
      "A comment names Beasley, whose instances are maximised, and so is this one; say --minimise (sense: 'minimise') if it is none.",
    )
  return { model: modelOfEntries(entries.done(), size, 'binary'), maximise }
}

export function writeQubo(model: QuadraticModel): string {
  const { size, linear, rows, columns, values, offset } = toBinary(model)
  const nodes = [...linear.keys()].filter((i) => linear[i] !== 0)
  const pieces = ['c written by @qt/quantum, to be minimised\n']
  if (offset !== 0) pieces.push(`c and ${offset} added to every energy\n`)
  pieces.push(`p qubo 0 ${size} ${nodes.length} ${values.length}\n`)
  for (const i of nodes) pieces.push(`${i} ${i} ${linear[i]}\n`)
  for (let k = 0; k < values.length; k++) pieces.push(`${rows[k]} ${columns[k]} ${values[k]}\n`)
  return pieces.join('')
}
