import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeFolder } from './make-folder.js'

let work = ''
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'qt-folder-'))
})
afterAll(() => rm(work, { recursive: true, force: true }))

test('makes what is missing above it, and minds nothing that is there', async () => {
  const deep = join(work, 'a', 'b', 'c')
  await Promise.all([makeFolder(deep), makeFolder(deep), makeFolder(join(work, 'a'))])
  expect((await stat(deep)).isDirectory()).toBe(true)
})

test('a file in the way is named', async () => {
  await writeFile(join(work, 'file'), '')
  for (const path of ['file', join('file', 'deeper')])
    await expect(makeFolder(join(work, path))).rejects.toMatchObject({ code: 'FOLDER_UNUSABLE', kind: 'usage' })
})

test.skipIf(process.platform !== 'linux')('a folder that takes none is an error, not a wait', async () => {
  await expect(makeFolder('/proc/qt-nothing')).rejects.toMatchObject({ code: 'FOLDER_UNUSABLE' })
})
