import { type TensorInfo, tensorTypes } from '@qt/core'
import { halfToNumber } from '../blocks/half.js'
import { openSource, readChunks } from '../io/source.js'

/** Types whose blocks start with a half d, the distance between neighbouring values. */
const stepFirst = ['Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q8_0']

/**
 * The sum of squared rounding errors that a quantised tensor is expected to carry: d²/12 for each number, as rounding
 * spreads evenly over a step d. Undefined for types whose steps are not known here.
 */
export async function expectedSquaredError(info: TensorInfo): Promise<number | undefined> {
  if (!stepFirst.includes(info.type)) return undefined
  const { blockBytes, blockSize } = tensorTypes[info.type]
  const source = await openSource(info.file)
  let sum = 0
  let carried = new Uint8Array(0)
  for await (const chunk of readChunks(source, info.offset, info.bytes)) {
    const bytes = new Uint8Array(carried.length + chunk.length)
    bytes.set(carried)
    bytes.set(chunk, carried.length)
    const blocks = Math.floor(bytes.length / blockBytes)
    for (let block = 0; block < blocks; block++) {
      const d = halfToNumber(bytes[block * blockBytes]! | (bytes[block * blockBytes + 1]! << 8))
      sum += (d * d * blockSize) / 12
    }
    carried = bytes.slice(blocks * blockBytes)
  }
  return sum
}
