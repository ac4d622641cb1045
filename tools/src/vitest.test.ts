import { expect, test } from 'vitest'
import { countVitest } from './vitest.js'

const report = (numPassedTests: number, testResults: unknown[] = []) => ({
  numPassedTests,
  numPendingTests: 1,
  numTodoTests: 0,
  testResults,
})

test('counts passed, failed and skipped tests', () => {
  expect(countVitest('unit', report(5), 0)).toEqual({ name: 'unit', passed: 5, failed: 0, skipped: 1 })
})

test('says which test failed and why', () => {
  const assertionResults = [
    { status: 'failed', fullName: 'sums', failureMessages: ['expected 3 to be 4'] },
    { status: 'passed', fullName: 'products', failureMessages: [] },
  ]
  const outcome = countVitest('unit', report(1, [{ name: 'a.test.ts', status: 'failed', assertionResults }]), 1)
  expect(outcome.failed).toBe(1)
  expect(outcome.failures?.join()).toMatch(/a\.test\.ts › sums\n.*expected 3 to be 4/)
})

test('a test file that cannot be imported is a failure', () => {
  expect(
    countVitest('unit', report(5, [{ name: 'a.test.ts', status: 'failed', message: 'no such module', assertionResults: [] }]), 1)
      .failed,
  ).toBe(1)
})

test('an error outside every test is a failure', () => {
  const outcome = countVitest('unit', report(5), 1)
  expect(outcome.failed).toBe(1)
  expect(outcome.note).toContain('outside the tests')
})
