import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lockFolder } from '@qt/core/node'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { sweepLeftovers } from './leftovers.js'
import { claimFolder, emptyFolder } from './own-folder.js'

let output: string
let train: string
beforeEach(async () => {
  output = await mkdtemp(join(tmpdir(), 'qt-own-'))
  train = join(output, 'train')
})
afterEach(() => rm(output, { recursive: true }))

test('work of the same inputs is found again, that of others makes room', async () => {
  expect(await claimFolder(train, 'a')).toBe(false)
  await mkdir(join(train, 'checkpoints'))
  expect(await claimFolder(train, 'a')).toBe(true)
  expect(await readdir(train)).toEqual(['checkpoints', 'inputs.sha256'])
  expect(await claimFolder(train, 'b')).toBe(false)
  expect(await readdir(train)).toEqual(['inputs.sha256'])
})

test('a folder that somebody else has filled stays as it is', async () => {
  await mkdir(train)
  await writeFile(join(train, 'mine.md'), 'my scenario')
  for (const take of [claimFolder, emptyFolder])
    await expect(take(train, 'a')).rejects.toMatchObject({
      code: 'PIPELINE_FOLDER_TAKEN',
      kind: 'usage',
      where: { file: join(train, 'mine.md') },
    })
  expect(await readdir(train)).toEqual(['mine.md'])
  expect(await readFile(join(train, 'mine.md'), 'utf8')).toBe('my scenario')
})

test('a folder that was emptied by half, or begun by half, is ours, and nobody goes on with it', async () => {
  await claimFolder(train, 'a')
  await writeFile(join(train, 'inputs.sha256'), 'emptied')
  await writeFile(join(train, 'events.jsonl'), '')
  expect(await claimFolder(train, 'a')).toBe(false)
  expect(await readdir(train)).toEqual(['inputs.sha256'])
  await rm(join(train, 'inputs.sha256'))
  await writeFile(join(train, 'inputs.sha256.5b0f3c1e-4d0a-4f39-9a52-0c7f0d9f6a11.tmp'), 'a')
  expect(await claimFolder(train, 'a')).toBe(false)
})

test('a folder in which somebody trains by hand is not emptied', async () => {
  await claimFolder(train, 'a')
  await writeFile(join(train, 'events.jsonl'), 'x')
  const lock = await lockFolder(train)
  await expect(claimFolder(train, 'b')).rejects.toMatchObject({ code: 'RUN_LOCKED' })
  expect(await readFile(join(train, 'events.jsonl'), 'utf8')).toBe('x')
  await lock.release()
  expect(await claimFolder(train, 'b')).toBe(false)
})

test('what a killed process had half written is swept away, and nothing else', async () => {
  const id = '5b0f3c1e-4d0a-4f39-9a52-0c7f0d9f6a11'
  const gone = [`model-f16.gguf.${id}.tmp`, `stages.json.${id}.tmp`, `report.html.${id}.tmp`, `run.lock.${id}.tmp`]
  const kept = ['model-f16.gguf', 'notes.tmp', `mine.gguf.${id}.tmp`, 'model-f16.gguf.tmp', 'answers.jsonl']
  for (const name of [...gone, ...kept]) await writeFile(join(output, name), 'x')
  for (const name of [`.merged.${id}.tmp`, `.merged.${id}.old`, 'data', 'merged']) await mkdir(join(output, name))
  await claimFolder(train, 'a')
  for (const folder of ['train', 'data']) await writeFile(join(output, folder, `config.yaml.${id}.tmp`), 'x')
  await sweepLeftovers(output)
  expect((await readdir(output)).sort()).toEqual([...kept, 'data', 'merged', 'train'].sort())
  expect(await readdir(train)).toEqual(['inputs.sha256'])
  // Not marked, so not ours.
  expect(await readdir(join(output, 'data'))).toEqual([`config.yaml.${id}.tmp`])
})
