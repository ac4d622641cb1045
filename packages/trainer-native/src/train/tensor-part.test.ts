import { expect, test } from 'vitest'
import { isPart, partOf } from './tensor-part.js'

const numbers = Float32Array.from({ length: 12 }, (_, i) => i)
const whole = { rows: 3, columns: 4, firstRow: 0, firstColumn: 0 }

test('a part is some rows, or some columns, of the whole', () => {
  expect([...partOf(numbers, { rows: 2, columns: 4, whole: { ...whole, firstRow: 1 } })]).toEqual([4, 5, 6, 7, 8, 9, 10, 11])
  expect([...partOf(numbers, { rows: 3, columns: 2, whole: { ...whole, firstColumn: 1 } })]).toEqual([1, 2, 5, 6, 9, 10])
  expect([...partOf(numbers, { rows: 3, columns: 4, whole })]).toEqual([...numbers])
})

test('what has all rows and columns is no part', () => {
  expect(isPart({ rows: 3, columns: 4, whole })).toBe(false)
  expect(isPart({ rows: 3, columns: 3, whole })).toBe(true)
  expect(isPart({ rows: 1, columns: 4, whole })).toBe(true)
})
