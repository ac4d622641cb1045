import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadConfig } from './load-config.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-config-'))
})
afterEach(() => rm(folder, { recursive: true }))

const write = async (text: string) => {
  const file = join(folder, 'train.yaml')
  await writeFile(file, text)
  return file
}

test('reads YAML and JSON', async () => {
  const yaml = await loadConfig(await write('base: m.gguf\ndata: { path: rows.jsonl }\n'))
  expect(yaml).toEqual(await loadConfig(await write('{"base": "m.gguf", "data": {"path": "rows.jsonl"}}')))
})

test('an error names the line of the field, whichever spelling the file uses', async () => {
  const file = await write('base: m.gguf\ndata: { path: rows.jsonl }\ntraining:\n  steps: 3\n  batch_size: many\n')
  await expect(loadConfig(file)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    where: { file, line: 5, field: 'training.batchSize' },
  })
})

test('broken YAML names its line', async () => {
  const file = await write('base: m.gguf\ndata: [unclosed\n')
  await expect(loadConfig(file)).rejects.toMatchObject({ code: 'CONFIG_SYNTAX', kind: 'usage', where: { file } })
})

test('an alias of nothing is no valid YAML, and an item of a list has its own line', async () => {
  await expect(loadConfig(await write('base: *nothing\n'))).rejects.toMatchObject({ code: 'CONFIG_SYNTAX', kind: 'usage' })
  const tools = '  tools:\n    - name: roll\n    - name: heal\n      wrong: 1\n'
  await expect(loadConfig(await write(`base: m.gguf\ndata:\n  path: rows.jsonl\n${tools}`))).rejects.toMatchObject({
    where: { line: 7, field: 'data.tools.1.wrong' },
  })
})

test('a missing file is an error for people', async () => {
  await expect(loadConfig(join(folder, 'nowhere.yaml'))).rejects.toMatchObject({ code: 'CONFIG_UNREADABLE', kind: 'usage' })
})
