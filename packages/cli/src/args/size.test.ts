import { expect, test } from 'vitest'
import { sizeOf } from './size.js'

test.each([
  ['2GB', 2e9],
  ['1.2 GB', 1.2e9],
  ['.5mb', 5e5],
  ['2GiB', 2 ** 31],
  ['700MB', 7e8],
  ['123', 123],
  ['1kib', 1024],
])('%s is %i bytes', (text, bytes) => expect(sizeOf('max-size', text)).toBe(bytes))

test.each(['', '0', '-1GB', 'GB', '2 gigabytes', '1e9', '2GB!', '0.1', '9999999TB'])('"%s" is no size', (text) => {
  expect(() => sizeOf('max-size', text)).toThrow(/--max-size must be a size/)
})
