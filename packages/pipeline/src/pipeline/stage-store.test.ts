import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
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
  await writeFile(join(folder, 'model-f16.gguf'), text)
  const store = await openStageStore(folder)
  await store.put('convert', 'key', ['model-f16.gguf'], { tensors: 3 }, 1)
  return openStageStore(folder)
}

test('what was made from the same inputs is found again by a later process', async () => {
  const store = await make()
  expect(await store.valid('convert', 'key')).toMatchObject({ result: { tensors: 3 } })
})

test('other inputs, a changed output and a missing one are made again', async () => {
  const store = await make()
  expect(await store.valid('convert', 'other')).toBeUndefined()
  await writeFile(join(folder, 'model-f16.gguf'), 'torn')
  expect(await store.valid('convert', 'key')).toBeUndefined()
  await rm(join(folder, 'model-f16.gguf'))
  expect(await store.valid('convert', 'key')).toBeUndefined()
})

test('forgetting a stage removes what it left, for good', async () => {
  const store = await make()
  await store.forget('convert')
  await expect(readFile(join(folder, 'model-f16.gguf'))).rejects.toMatchObject({ code: 'ENOENT' })
  expect(await (await openStageStore(folder)).valid('convert', 'key')).toBeUndefined()
})

test.each(['', '{"convert":', '[]', '{"convert":{"key":1}}'])('a damaged record counts as none: %j', async (text) => {
  await make()
  await writeFile(join(folder, 'stages.json'), text)
  const store = await openStageStore(folder)
  expect(await store.valid('convert', 'key')).toBeUndefined()
})

test.each(['../mine.md', 'scenarios', '.', '', '/etc/hostname', 'train', 'train/../scenarios', 'answers.jsonl'])(
  'a record that names what no stage makes counts as none, and nothing is removed: %j',
  async (path) => {
    const output = join(folder, 'output')
    await mkdir(join(output, 'scenarios'), { recursive: true })
    await mkdir(join(output, 'train'))
    const mine = [join(folder, 'mine.md'), join(output, 'scenarios', 'a.md'), join(output, 'train', 'a.md')]
    for (const file of mine) await writeFile(file, 'mine')
    const record = { key: 'key', outputs: { [path]: 'missing' }, result: {}, seconds: 1 }
    await writeFile(join(output, 'stages.json'), JSON.stringify({ convert: record }))
    const store = await openStageStore(output)
    expect(await store.valid('convert', 'key')).toBeUndefined()
    await store.forget('convert')
    for (const file of mine) expect(await readFile(file, 'utf8')).toBe('mine')
  },
)
