import { describe, expect, it } from 'vitest'
import { typeForRows } from './fallback.js'

describe('typeForRows', () => {
  it.each([
    ['Q4_K', 512, 'Q4_K'],
    ['Q4_K', 576, 'Q5_0'],
    ['Q5_K', 576, 'Q5_1'],
    ['Q6_K', 576, 'Q8_0'],
    ['Q3_K', 576, 'Q4_0'],
    ['IQ4_XS', 576, 'IQ4_NL'],
    ['Q4_K', 48, 'F16'],
    ['Q4_0', 48, 'F16'],
    ['BF16', 7, 'BF16'],
  ] as const)('%s for rows of %i columns is %s', (type, columns, expected) => {
    expect(typeForRows(type, columns)).toBe(expected)
  })
})
