import { expect, test } from 'vitest'
import { rowBytes, tensorTypeNames, tensorTypeOf, tensorTypes } from './tensor.js'

test('every type is found by its id, and no two share one', () => {
  for (const name of tensorTypeNames) expect(tensorTypeOf(tensorTypes[name].id)).toBe(name)
  expect(tensorTypeOf(4)).toBeUndefined()
})

test('bytes of a row, unless it does not divide into blocks', () => {
  expect(rowBytes('F32', 5)).toBe(20)
  expect(rowBytes('Q4_1', 576)).toBe(360)
  expect(rowBytes('Q4_K', 576)).toBeUndefined()
})
