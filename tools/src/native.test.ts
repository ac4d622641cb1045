import { expect, test } from 'vitest'
import { countJunit } from './native.js'

test('counts the tests of a ctest report', () => {
  const xml =
    '<?xml version="1.0"?>\n<testsuite name="x"\n\ttests="7"\n\tfailures="2"\n\tdisabled="0"\n\tskipped="1"\n\thostname="">'
  expect(countJunit('ctest x', xml)).toEqual({ name: 'ctest x', passed: 4, failed: 2, skipped: 1 })
})
