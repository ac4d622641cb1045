import { QtError } from '@qt/core'
import { expect, test } from 'vitest'
import { toApiError } from './api-error.js'

test('a GPU that is full for now is a 503 that may be tried again, a broken engine a 500', () => {
  const told = (code: string) => toApiError(new QtError({ code, message: 'No.', actions: ['Ask again.'] }))
  expect(told('GPU_FULL')).toMatchObject({
    status: 503,
    code: 'gpu_full',
    headers: { 'retry-after': '1' },
    message: 'No. Ask again.',
  })
  expect(told('GENERATION_FAILED')).toMatchObject({ status: 500, headers: {} })
})
