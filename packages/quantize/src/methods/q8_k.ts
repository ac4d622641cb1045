import { largest } from '../extremes.js'
import { writeU16 } from '../half.js'
import { kMethod } from '../k-block.js'
import { nearest } from '../search/nearest.js'

const f = Math.fround

/**
 * 9.125 bits a value: 256 values as x = d·q with q from −127 to 127, what K types are multiplied with; no type for files.
 * Layout: d as float32, 256 levels, the sum of each 16 levels in 16 bits.
 */
export const q8_k = kMethod('Q8_K', ({ x, out }) => {
  const max = largest(x, 0, 256)
  if (max === 0) return
  const inverse = f(-127 / max)
  const levels = Int8Array.from(x, (value) => Math.min(127, nearest(inverse * value)))
  new DataView(out.buffer, out.byteOffset).setFloat32(0, f(1 / inverse), true)
  out.set(new Uint8Array(levels.buffer), 4)
  for (let j = 0; j < 16; j++)
    writeU16(out, 260 + 2 * j, levels.subarray(16 * j, 16 * j + 16).reduce((sum, level) => sum + level, 0) & 0xffff)
})
