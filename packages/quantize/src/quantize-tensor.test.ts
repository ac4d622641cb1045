import { QtError, uniform } from '@qt/core'
import { describe, expect, it } from 'vitest'
import { quantizeTensor } from './quantize-tensor.js'
import { methodFor } from './registry.js'

const caught = (work: () => unknown): QtError => {
  try {
    work()
  } catch (error) {
    if (QtError.isInstance(error)) return error
  }
  throw new Error('no QtError was thrown')
}

describe('quantizeTensor', () => {
  it('puts rows one after the other', () => {
    const values = Float32Array.from({ length: 3 * 64 }, (_, i) => uniform(3, 'sample', 0, i))
    const whole = quantizeTensor(values, 64, 'Q5_0')
    expect(whole.length).toBe(3 * 2 * 22)
    expect(whole.subarray(44, 88)).toEqual(quantizeTensor(values.slice(64, 128), 64, 'Q5_0'))
  })

  it('refuses rows that do not divide into blocks and names the type that fits', () => {
    const error = caught(() => quantizeTensor(new Float32Array(4 * 48), 48, 'Q4_0'))
    expect(error.code).toBe('QUANT_ROW')
    expect(error.actions[0]?.label).toBe('Use F16 for this tensor.')
  })

  it('refuses values that are no whole rows', () => {
    for (const columns of [33, 0, -32, 0.5, Number.NaN])
      expect(caught(() => quantizeTensor(new Float32Array(64), columns, 'Q8_0')).code).toBe('QUANT_SHAPE')
  })

  it('refuses types that have no method', () => {
    expect(caught(() => quantizeTensor(new Float32Array(256), 256, 'Q8_1')).code).toBe('QUANT_TYPE_UNKNOWN')
  })
})

describe('methodFor', () => {
  it('reads names in any case', () => {
    expect(methodFor('q4_0')).toBe(methodFor('Q4_0'))
  })

  it('suggests the nearest of the types there are', () => {
    const error = caught(() => methodFor('Q8_O'))
    expect(error.code).toBe('QUANT_TYPE_UNKNOWN')
    expect(error.actions[0]?.label).toBe('Did you mean Q8_0?')
  })
})
