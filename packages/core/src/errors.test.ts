import { expect, test } from 'vitest'
import { messageOf, QtError, usageError } from './errors.js'

test('an error of another copy of the package is recognised, anything else is not', () => {
  const foreign = Object.assign(new Error('x'), { [Symbol.for('qt.error')]: true })
  expect(QtError.isInstance(foreign)).toBe(true)
  for (const other of [new Error('x'), null, undefined, 'qt.error', {}]) expect(QtError.isInstance(other)).toBe(false)
})

test('the place reads as file, line and field', () => {
  const place = (where: QtError['where']) => new QtError({ code: 'X', message: 'x', ...(where ? { where } : {}) }).place
  expect(place({ file: 'a.yaml', line: 3, field: 'training.steps' })).toBe('a.yaml:3 training.steps')
  expect(place({ line: 3 })).toBe('line 3')
  expect(place({ file: 'a.parquet', row: 7, field: 'text' })).toBe('a.parquet row 7 text')
  expect(place(undefined)).toBe('')
})

test('what goes to a program has code, place, actions and help, and no stack', () => {
  const json = JSON.parse(JSON.stringify(usageError('FILE_MISSING', 'There is no file.', { actions: ['Check the path.'] })))
  expect(json).toEqual({
    code: 'FILE_MISSING',
    message: 'There is no file.',
    actions: [{ label: 'Check the path.' }],
    help: 'docs/errors.md#file-missing',
  })
})

test('the message of anything thrown', () => {
  expect([messageOf(new Error('a')), messageOf('b'), messageOf(3)]).toEqual(['a', 'b', '3'])
})
