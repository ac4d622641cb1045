import { expect, test } from 'vitest'
import { stageKey, workKey } from './work-key.js'

test('unfinished work is told by its stage, its inputs and the version of the engine', () => {
  const key = workKey('train', { data: 'a' })
  expect(workKey('train', { data: 'a' })).toBe(key)
  const others = [workKey('evaluate', { data: 'a' }), workKey('train', { data: 'b' }), workKey('train', { data: 'a' }, '0.0.1')]
  expect(new Set([key, ...others, stageKey('train', { data: 'a' })]).size).toBe(5)
})
