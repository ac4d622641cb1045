import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createIo } from '../io.js'
import { contentId, modelId } from './content-id.js'

let folder = ''
const at = (name: string) => join(folder, name)
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-content-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('folders of links, as the cache of the hub has them, go by what the links lead to', async () => {
  for (const name of ['a', 'b', 'c', 'plain']) await mkdir(at(name))
  for (const [name, text] of [
    ['a', 'one'],
    ['b', 'two'],
    ['c', 'one'],
  ] as const) {
    await writeFile(at(`blob-${name}`), text)
    await symlink(at(`blob-${name}`), at(`${name}/model.safetensors`))
  }
  await writeFile(at('plain/model.safetensors'), 'one')
  const [a, b, c, plain] = await Promise.all(['a', 'b', 'c', 'plain'].map((name) => contentId([at(name)])))
  expect(a).not.toBe(b)
  expect([c, plain]).toEqual([a, a])
  await mkdir(at('empty'))
  await expect(contentId([at('empty')])).rejects.toMatchObject({ code: 'MODEL_MISSING' })
})

test('of a model in parts every part counts, whichever is named', async () => {
  const [first, second] = ['m-00001-of-00002.gguf', 'm-00002-of-00002.gguf'].map(at) as [string, string]
  await writeFile(first, 'one')
  await writeFile(second, 'two')
  const before = await contentId([first])
  expect(await contentId([second])).toBe(before)
  await writeFile(second, 'six')
  expect(await contentId([first])).not.toBe(before)
})

test('answers that were given with other settings, or by another version, are not mixed up', async () => {
  await writeFile(at('m.gguf'), 'm')
  const id = (flags: Parameters<typeof modelId>[0]) =>
    modelId(flags, [at('m.gguf')], { io: createIo(true), signal: new AbortController().signal })
  expect(await id({})).toMatch(/^[0-9a-f]{64} qt \d+\.\d+/)
  expect(await id({ precision: 'float32' })).not.toBe(await id({ 'kv-cache': 'float32' }))
  expect(await id({ device: 'cpu' })).toBe(await id({}))
  expect(await id({ device: 'cuda' })).toBe(await id({ device: 'cuda:0' }))
  expect(await id({ device: 'cuda' })).not.toBe(await id({}))
  expect(await id({ precision: 'float32', 'context-length': 512 })).toContain(' precision float32 context-length 512 ')
})
