import fc from 'fast-check'
import { expect, it } from 'vitest'
import { keptShare } from './kept-share.js'

it('keeps exactly the largest magnitudes, of equals the first', async () => {
  const value = fc.oneof(fc.float({ noNaN: true, noDefaultInfinity: true }), fc.constantFrom(0, -0, 1, -1, 1e-40, 0.5))
  await fc.assert(
    fc.asyncProperty(
      fc.array(value, { minLength: 1, maxLength: 60 }),
      fc.double({ min: 0.01, max: 1, noNaN: true }),
      async (list, share) => {
        const values = Float32Array.from(list)
        const count = Math.max(1, Math.trunc(share * values.length))
        const pieces = async function* () {
          for (let i = 0; i < values.length; i += 7) yield values.subarray(i, i + 7)
        }
        const { keep } = (await keptShare(pieces, count))()
        const kept = [...values.keys()].filter((i) => keep(values[i]!))
        const order = [...values.keys()].sort((i, j) => Math.abs(values[j]!) - Math.abs(values[i]!) || i - j)
        expect(kept).toEqual(order.slice(0, count).sort((i, j) => i - j))
      },
    ),
  )
})
