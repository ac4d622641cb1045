import { createHash } from 'node:crypto'
import { endianness } from 'node:os'
import { ignoreLabel, type RowSource } from '@qt/core'
import { type FlatRows, packFlat } from './pack-rows.js'
import type { TokenStore } from './token-store.js'

export interface RowStatistics {
  readonly rows: number
  readonly tokens: number
  readonly trainableTokens: number
}

/** Rows over a store: packed, or each piece a row of its own. Rows with nothing to learn are left out: a step on nothing would still decay weights. */
export function rowSet(
  store: TokenStore,
  options: { packing: boolean; sequenceLength: number },
): { rows: RowSource; without: number } {
  const lengths = store.lengths()
  const { starts, pieces } = options.packing ? packFlat(lengths, options.sequenceLength) : oneEach(lengths.length)
  const all = starts.length - 1
  const kept = new Int32Array(all)
  let length = 0
  for (let row = 0; row < all; row++) {
    let at = starts[row]!
    while (at < starts[row + 1]! && !store.learns(pieces[at]!)) at++
    if (at < starts[row + 1]!) kept[length++] = row
  }
  return {
    without: all - length,
    rows: {
      length,
      row(index) {
        if (!(Number.isInteger(index) && index >= 0 && index < length))
          throw new RangeError(`there is no row ${index}; there are ${length}`)
        const row = kept[index]!
        return store.row(pieces.subarray(starts[row], starts[row + 1]))
      },
    },
  }
}

function oneEach(count: number): FlatRows {
  const starts = Int32Array.from({ length: count + 1 }, (_, piece) => piece)
  return { starts, pieces: starts.subarray(0, count) }
}

/** Counts, and the SHA-256 over every row's weights if it has any, length, documents, ids and labels as little-endian 32-bit numbers. */
export function measureRows(source: RowSource): RowStatistics & { hash: string } {
  const hash = createHash('sha256')
  let tokens = 0
  let trainableTokens = 0
  for (let index = 0; index < source.length; index++) {
    const { ids, labels, documents, weights } = source.row(index)
    if (weights) hash.update(littleEndian(new Int32Array(weights.buffer)))
    for (const part of [Int32Array.of(ids.length, documents.length), documents, ids, labels]) hash.update(littleEndian(part))
    tokens += ids.length
    for (const label of labels) if (label !== ignoreLabel) trainableTokens++
  }
  return { rows: source.length, tokens, trainableTokens, hash: hash.digest('hex') }
}

function littleEndian(values: Int32Array): Uint8Array {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  return endianness() === 'LE' ? bytes : Buffer.from(bytes).swap32()
}
