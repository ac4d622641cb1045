import { uniform } from '@qt/core'
import { conformance } from '@qt/quantize/test'
import { describe, expect, it } from 'vitest'
import fast from './fast.js'
import method from './method.js'

const random = (seed: number, i: number) => uniform(seed, 'sample', 0, i)

describe('Q4_0_FIT in WebAssembly', () => {
  for (const { name, run } of conformance(fast, { error: 0.002 })) it(name, run)

  // More than one piece, of sizes from a subnormal float16 to the largest that is not refused.
  const values = Float32Array.from(
    { length: 3000 * 32 },
    (_, i) => (random(3, i) - 0.5) * 9.6e5 * 2 ** (-45 * random(4, Math.floor(i / 32))),
  )
  // Some of the scales that are tried are infinite, and 65536 would fit best.
  values.fill(196608, 0, 32)[0] = 470000

  it.each([
    ['without importance', undefined],
    ['by importance', values.map((_, i) => 10 * random(5, i))],
  ])('writes the bytes that TypeScript writes, %s', (_, importance) => {
    const [expected, written] = [method, fast].map(({ encode }) => {
      const out = new Uint8Array((values.length / 32) * 18)
      encode(values, out, importance)
      return out
    })
    expect(Buffer.compare(written!, expected!)).toBe(0)
    const [back, own] = [method, fast].map(({ decode }) => {
      const out = new Float32Array(values.length)
      decode(expected!, out)
      return out
    })
    expect(own).toEqual(back)
  })

  it('names the block that it refuses', () => {
    const large = new Float32Array(values.length)
    large[2999 * 32 + 5] = 1e7
    expect(() => fast.encode(large, new Uint8Array((large.length / 32) * 18))).toThrow(
      expect.objectContaining({ code: 'QUANT_OUT_OF_RANGE', where: { field: `value ${2999 * 32}` } }),
    )
  })
})
