import { expect, test } from 'vitest'
import { countVitest } from './vitest.js'

const report = (numPassedTests: number, numFailedTests: number, testResults: unknown[] = []) => ({
  numPassedTests,
  numFailedTests,
  numPendingTests: 1,
  numTodoTests: 0,
  testResults,
})

test('counts passed, failed and skipped tests', () => {
  expect(countVitest('unit', report(5, 0), 0)).toEqual({ name: 'unit', passed: 5, failed: 0, skipped: 1 })
})

test('a test file that cannot be imported is a failure', () => {
  expect(countVitest('unit', report(5, 0, [{ status: 'failed', assertionResults: [] }]), 1).failed).toBe(1)
})

test('an error outside every test is a failure', () => {
  const outcome = countVitest('unit', report(5, 0), 1)
  expect(outcome.failed).toBe(1)
  expect(outcome.note).toContain('outside the tests')
})
