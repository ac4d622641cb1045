import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { completeLock, missingPlatforms, readLock } from './lock-file.js'
import { root } from './root.js'

const lock = await readLock()

test('the lock file has the binaries of every platform (npm run lock adds them)', () => {
  expect(missingPlatforms(lock).map(({ name }) => name)).toEqual([])
})

test('the lock file agrees with every package.json of the workspace (npm install brings it up to date)', async () => {
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (path.includes('node_modules')) continue
    const manifest: unknown = JSON.parse(await readFile(join(root, path, 'package.json'), 'utf8'))
    const { dependencies, devDependencies, optionalDependencies } = entry
    expect(manifest, path).toMatchObject(
      Object.fromEntries(Object.entries({ dependencies, devDependencies, optionalDependencies }).filter(([, value]) => value)),
    )
  }
})

test('the lock file names no registry', () => {
  expect(Object.values(lock.packages).flatMap(({ resolved }) => (resolved?.includes('://') ? [resolved] : []))).toEqual([])
})

test('a lost binary comes back with its platform', () => {
  const lost = { packages: { 'node_modules/x': { dev: true, optionalDependencies: { 'x-linux-x64-musl': '1.0.0' } } } }
  expect(completeLock(lost).packages['node_modules/x-linux-x64-musl']).toEqual({
    version: '1.0.0',
    cpu: ['x64'],
    dev: true,
    libc: ['musl'],
    optional: true,
    os: ['linux'],
  })
})
