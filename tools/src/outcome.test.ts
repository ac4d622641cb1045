import { expect, test } from 'vitest'
import { couldNotRun, single, summary } from './outcome.js'

test('the last line is the sum over all stages', () => {
  const text = summary([{ name: 'unit', passed: 41, failed: 2, skipped: 3 }, single('types', true)])
  expect(text.split('\n').at(-1)).toBe('42 passed, 2 failed')
  expect(text).toContain('3 skipped')
})

test('a stage that could not run counts as failed and says why', () => {
  const text = summary([couldNotRun('native', 'cmake is not installed')])
  expect(text).toContain('could not run: cmake is not installed')
  expect(text.endsWith('0 passed, 1 failed')).toBe(true)
})

test('what failed is said once more below the stages', () => {
  const text = summary([{ name: 'unit', passed: 1, failed: 1, failures: ['a.test.ts › sums'] }, single('types', true)])
  expect(text.indexOf('unit failed: a.test.ts › sums')).toBeGreaterThan(text.indexOf('types'))
})
