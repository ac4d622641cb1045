import { expect, test } from 'vitest'
import { permutation, philox, uniform } from './philox.js'

// Known answers of the authors' own library (Random123, tests/kat_vectors: philox4x32 10).
test.each([
  [
    [0, 0, 0, 0],
    [0, 0],
    [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
  ],
  [
    [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    [0xffffffff, 0xffffffff],
    [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  ],
  [
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xa4093822, 0x299f31d0],
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  ],
] as const)('agrees with the known answer for counter %j', (counter, key, expected) => {
  expect(philox(counter, key)).toEqual(expected)
})

test('uniform numbers lie in [0, 1) around one half, and differ by seed, purpose, step and index', () => {
  const values = Array.from({ length: 4000 }, (_, index) => uniform(1, 'sample', 0, index))
  expect(Math.min(...values)).toBeGreaterThanOrEqual(0)
  expect(Math.max(...values)).toBeLessThan(1)
  expect(Math.abs(values.reduce((a, b) => a + b) / values.length - 0.5)).toBeLessThan(0.02)
  const keys = [
    uniform(1, 'sample', 0, 0),
    uniform(2, 'sample', 0, 0),
    uniform(1, 'split', 0, 0),
    uniform(1, 'sample', 1, 0),
    uniform(1, 'sample', 0, 1),
  ]
  expect(new Set(keys).size).toBe(keys.length)
})

test('indices and seeds beyond 32 bits are not cut off', () => {
  expect(uniform(1, 'sample', 0, 2 ** 32)).not.toBe(uniform(1, 'sample', 0, 0))
  expect(uniform(2 ** 32 + 1, 'sample', 0, 0)).not.toBe(uniform(1, 'sample', 0, 0))
})

test('a permutation holds every index once and depends on the step', () => {
  const order = permutation(100, 1, 'shuffle', 0)
  expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i))
  expect(permutation(100, 1, 'shuffle', 0)).toEqual(order)
  expect(permutation(100, 1, 'shuffle', 1)).not.toEqual(order)
})
