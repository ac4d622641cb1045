import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openStageStore } from './stage-store.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-stages-'))
})
afterEach(() => rm(folder, { recursive: true }))

const make = async (text = 'made') => {
  await writeFile(join(folder, 'out.txt'), text)
  const store = await openStageStore(folder)
  await store.put('convert', 'key', ['out.txt'], { tensors: 3 }, 1)
  return openStageStore(folder)
}

test('what was made from the same inputs is found again by a later process', async () => {
  const store = await make()
  expect(await store.valid('convert', 'key')).toMatchObject({ result: { tensors: 3 } })
})

test('other inputs, a changed output and a missing one are made again', async () => {
  const store = await make()
  expect(await store.valid('convert', 'other')).toBeUndefined()
  await writeFile(join(folder, 'out.txt'), 'torn')
  expect(await store.valid('convert', 'key')).toBeUndefined()
  await rm(join(folder, 'out.txt'))
  expect(await store.valid('convert', 'key')).toBeUndefined()
})

test('forgetting a stage removes what it left, for good', async () => {
  const store = await make()
  await store.forget('convert')
  await expect(readFile(join(folder, 'out.txt'))).rejects.toMatchObject({ code: 'ENOENT' })
  expect(await (await openStageStore(folder)).valid('convert', 'key')).toBeUndefined()
})

test.each(['', '{"convert":', '[]', '{"convert":{"key":1}}'])('a damaged record counts as none: %j', async (text) => {
  await make()
  await writeFile(join(folder, 'stages.json'), text)
  const store = await openStageStore(folder)
  expect(await store.valid('convert', 'key')).toBeUndefined()
})
