import { closeSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { namelessFile } from './descriptors.js'

test('a file without a name is read from its beginning, where there is no memory too', () => {
  for (const memory of ['/dev/shm', '/nowhere']) {
    const descriptor = namelessFile(Buffer.from('what a program reads'), memory)
    expect(readFileSync(descriptor, 'utf8')).toBe('what a program reads')
    closeSync(descriptor)
  }
})
