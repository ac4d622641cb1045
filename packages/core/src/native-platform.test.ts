import { expect, test } from 'vitest'
import { nativePlatform } from './native-platform.js'

test('names the platform whose binaries run here', () => {
  expect(nativePlatform()).toMatch(new RegExp(`^${process.platform}-${process.arch}(-musl)?$`))
})

test('tells musl from glibc, on Linux only', () => {
  const of = (platform: string, glibc?: string) => nativePlatform({ platform, arch: 'x64', glibc })
  expect([of('linux', '2.36'), of('linux'), of('darwin')]).toEqual(['linux-x64', 'linux-x64-musl', 'darwin-x64'])
})
