import { nativePlatform } from '@qt/core'
import { expect, test } from 'vitest'
import { nativeMissing, slowWarning } from './native-missing.js'

test('names the package of this platform, and of its C library', () => {
  const install = (...platform: [string?]) => {
    const { actions } = nativeMissing(new Error('none'), ...platform)
    return [actions[0]!.command, slowWarning(...platform)]
  }
  expect(install()[0]).toBe(`npm install @qt/quantize-${nativePlatform()}`)
  expect(install('linux-x64-musl')[0]).toBe('npm install @qt/quantize-linux-x64-musl')
  expect(install('linux-x64-musl')[1]).toContain('(npm install @qt/quantize-linux-x64-musl)')
})
