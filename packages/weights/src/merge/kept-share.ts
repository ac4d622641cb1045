const lowBits = 15

/** Which numbers of a stream are the `count` largest by magnitude: a limit, and how many of those equal to it. */
export interface KeptShare {
  keep(value: number): boolean
}

const bitsOf = new Uint32Array(1)
const floatOf = new Float32Array(bitsOf.buffer)
/** Bits of |x|, which are in the order of the numbers. */
function magnitude(value: number): number {
  floatOf[0] = value
  return bitsOf[0]! & 0x7fffffff
}

/**
 * The exact k-th largest magnitude of a tensor that is too large to sort: a histogram of the leading bits, then one of the trailing
 * bits within its bin. `values` is gone through twice. Of equals the first ones are kept.
 */
export async function keptShare(values: () => AsyncIterable<Float32Array>, count: number): Promise<() => KeptShare> {
  const leading = new Float64Array(2 ** (31 - lowBits))
  for await (const chunk of values()) for (const value of chunk) leading[magnitude(value) >>> lowBits]!++
  const [bin, above] = reached(leading, count)
  const trailing = new Float64Array(2 ** lowBits)
  for await (const chunk of values())
    for (const value of chunk) {
      const bits = magnitude(value)
      if (bits >>> lowBits === bin) trailing[bits & (2 ** lowBits - 1)]!++
    }
  const [low, between] = reached(trailing, count - above)
  const limit = bin * 2 ** lowBits + low
  return () => {
    let equals = count - above - between
    return {
      keep(value) {
        const bits = magnitude(value)
        return bits > limit || (bits === limit && equals-- > 0)
      },
    }
  }
}

/** Going down from the last bin: the one in which the count is reached, and how many lie above it. */
function reached(bins: Float64Array, count: number): [number, number] {
  let above = 0
  for (let bin = bins.length - 1; bin > 0; bin--) {
    if (above + bins[bin]! >= count) return [bin, above]
    above += bins[bin]!
  }
  return [0, above]
}
