import { adjacencyOf, type QuadraticModel } from '../quadratic.js'

/** D-Wave's BQM file, version 2 (see `readBqmFile`), with variables numbered from 0; hybrid solvers take it. */
export function writeBqm(model: QuadraticModel): Uint8Array {
  const { size, values, linear, offset, vartype } = model
  const { offsets, neighbours, couplings } = adjacencyOf(model)
  const header = JSON.stringify({
    shape: [size, values.length],
    dtype: 'float64',
    itype: 'int32',
    ntype: 'int64',
    vartype: vartype === 'spin' ? 'SPIN' : 'BINARY',
    type: 'BinaryQuadraticModel',
    variables: false,
  })
  // Numbers begin at a multiple of 64 bytes.
  const start = Math.ceil((14 + header.length + 1) / 64) * 64
  const bytes = new Uint8Array(start + 8 + 16 * size + 12 * neighbours.length)
  bytes.set(new TextEncoder().encode(`DIMODBQM\u0002\u0000`))
  const view = new DataView(bytes.buffer)
  view.setUint32(10, start - 14, true)
  bytes.set(new TextEncoder().encode(`${header.padEnd(start - 15)}\n`), 14)
  view.setFloat64(start, offset, true)
  let at = start + 8
  for (let i = 0; i < size; i++, at += 16) {
    view.setBigUint64(at, BigInt(offsets[i]!), true)
    view.setFloat64(at + 8, linear[i]!, true)
  }
  for (let i = 0; i < size; i++) {
    // In the order of the neighbours' numbers, as dimod keeps them.
    const row = Array.from({ length: offsets[i + 1]! - offsets[i]! }, (_, k) => offsets[i]! + k).sort(
      (a, b) => neighbours[a]! - neighbours[b]!,
    )
    for (const e of row) {
      view.setInt32(at, neighbours[e]!, true)
      view.setFloat64(at + 4, values[couplings[e]!]!, true)
      at += 12
    }
  }
  return bytes
}
