import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { hashOf, hashPath } from './hashing.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-hash-'))
})
afterEach(() => rm(folder, { recursive: true }))

test('the order of keys does not matter, that of lists and every value does', () => {
  expect(hashOf({ a: 1, b: { c: [1, 2], d: null } })).toBe(hashOf({ b: { d: null, c: [1, 2] }, a: 1 }))
  const all = [{ a: 1 }, { a: 2 }, { a: '1' }, { b: 1 }, { a: null }, [1, 2], [2, 1], undefined, null].map(hashOf)
  expect(new Set(all).size).toBe(all.length)
})

test('a folder changes with the bytes and with the names in it', async () => {
  await mkdir(join(folder, 'inner'))
  await writeFile(join(folder, 'inner', 'a.txt'), 'one')
  const first = await hashPath(folder)
  expect(await hashPath(folder)).toBe(first)
  await writeFile(join(folder, 'inner', 'a.txt'), 'two')
  const second = await hashPath(folder)
  await rename(join(folder, 'inner', 'a.txt'), join(folder, 'inner', 'b.txt'))
  expect(new Set([first, second, await hashPath(folder)]).size).toBe(3)
})

test('what is not there has no hash', async () => {
  expect(await hashPath(join(folder, 'nothing'))).toBeUndefined()
})
