import { expect, test } from 'vitest'
import { answering } from './code-of-model.js'

test('answers that were given with other settings are not mixed up', () => {
  expect(answering({ precision: 'float32' })).not.toEqual(answering({ 'kv-cache': 'float32' }))
  expect(answering({ precision: 'float32', 'context-length': 512 })).toEqual(['precision float32', 'context-length 512'])
  expect(answering({})).toEqual([])
})
