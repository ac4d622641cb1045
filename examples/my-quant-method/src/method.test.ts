import { uniform } from '@qt/core'
import { methodFor } from '@qt/quantize'
import { conformance } from '@qt/quantize/test'
import { describe, expect, it } from 'vitest'
import method from './method.js'

describe('Q4_0_FIT', () => {
  for (const { name, run } of conformance(method, { error: 0.002 })) it(name, run)

  const values = Float32Array.from(
    { length: 4096 },
    (_, i) => uniform(3, 'sample', 0, 2 * i) + uniform(3, 'sample', 0, 2 * i + 1) - 1,
  )
  const errorOf = (with_: Pick<typeof method, 'encode' | 'decode'>, importance?: Float32Array) => {
    const [blocks, back] = [new Uint8Array((values.length / 32) * 18), new Float32Array(values.length)]
    with_.encode(values, blocks, importance)
    with_.decode(blocks, back)
    return values.reduce((sum, value, i) => sum + (importance?.[i] ?? 1) * (value - back[i]!) ** 2, 0)
  }

  it('loses less than the usual encoder of its blocks', () => {
    expect(errorOf(method)).toBeLessThan(0.95 * errorOf(methodFor('Q4_0')))
  })

  it('spends its precision on the columns that matter', () => {
    const importance = values.map((_, i) => (i % 4 === 0 ? 100 : 1))
    const blind = (blocks: Float32Array, out: Uint8Array) => method.encode(blocks, out)
    expect(errorOf(method, importance)).toBeLessThan(errorOf({ ...method, encode: blind }, importance))
  })
})
