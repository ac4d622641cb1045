import { readFileSync } from 'node:fs'
import { appendFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseConfig, type RowSource, type Tokenizer, uniform } from '@qt/core'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { byteTokenizer } from '../../test/byte-tokenizer.js'
import { prepareRows } from '../prepare-rows.js'
import { prepareShards } from './prepare-shards.js'

// Other work may share the machine.
vi.setConfig({ testTimeout: 120_000 })

let folder = ''
let data = ''
const tokenizer: Tokenizer = byteTokenizer()
const config = (path: string, training: object = {}, more: object = {}) =>
  parseConfig({ base: 'model.gguf', data: { path, ...more }, training: { sequenceLength: 96, ...training } })
const rowsOf = (source: RowSource) => Array.from({ length: source.length }, (_, i) => source.row(i))
/** A file read at once stands for one that is mapped: views of one buffer. */
const map = (path: string): ArrayBuffer => {
  const bytes = readFileSync(path)
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-shards-'))
  data = join(folder, 'chats.jsonl')
  const line = (i: number) => ({
    messages: [
      { role: 'user', content: `question ${i} `.repeat(1 + Math.floor(uniform(1, 'sample', 0, i) * 4)) },
      { role: 'assistant', content: `answer ${i} `.repeat(1 + Math.floor(uniform(2, 'sample', 0, i) * 5)) },
    ],
    ...(i % 9 === 0 ? { weight: 0.5 } : {}),
  })
  await writeFile(data, Array.from({ length: 120 }, (_, i) => JSON.stringify(line(i))).join('\n'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test.each([true, false])('shards hold the very rows of the data, packing %s', async (packing) => {
  const out = join(folder, `shards-${packing}`)
  const manifest = await prepareShards(config(data, { packing }), tokenizer, { out, shardTokens: 1000 })
  expect(manifest.parts.train.shards.length).toBeGreaterThan(2)
  const asked = config(out, { packing })
  const direct = await prepareRows(config(data, { packing }), tokenizer)
  for (const options of [{}, { map }]) {
    const rows = await prepareRows(asked, tokenizer, options)
    expect(rowsOf(rows.train)).toEqual(rowsOf(direct.train))
    expect(rowsOf(rows.validation!)).toEqual(rowsOf(direct.validation!))
    expect(rows.train.row(0).weights ?? rowsOf(rows.train).find(({ weights }) => weights)).toBeDefined()
    for (const key of [
      'hash',
      'validationHash',
      'tokens',
      'trainableTokens',
      'packing',
      'shuffle',
      'statistics',
      'description',
    ] as const)
      expect(rows[key]).toEqual(direct[key])
  }
  expect((await readdir(out)).filter((name) => !/^(train|validation)-\d{5}\.qtok$|^shards\.json$/.test(name))).toEqual([])
})

test('rows of a mapped shard are views, not copies', async () => {
  const out = join(folder, 'views')
  await prepareShards(config(data), tokenizer, { out })
  const buffers = new Set<ArrayBufferLike>()
  const rows = await prepareRows(config(out), tokenizer, { map })
  for (const { ids, labels, documents } of rowsOf(rows.train))
    for (const part of [ids, labels, documents]) buffers.add(part.buffer)
  expect(buffers.size).toBe(1)
})

test('a shard that was cut off, added to, damaged, exchanged, removed or is none is refused by its name', async () => {
  const out = join(folder, 'broken')
  const shard = join(out, 'train-00000.qtok')
  const fresh = () => prepareShards(config(data), tokenizer, { out, shardTokens: 1000 })
  const refused = async (message: RegExp, file = shard) => {
    for (const options of [{}, { map }])
      await expect(prepareRows(config(out), tokenizer, options)).rejects.toMatchObject({
        code: 'DATA_SHARD',
        message: expect.stringMatching(message),
        where: { file },
      })
    await fresh()
  }
  await fresh()
  const bytes = await readFile(shard)
  for (const size of [bytes.length - 1, bytes.length - 4, 200]) {
    await truncate(shard, size)
    await refused(/cut off/)
  }
  await truncate(shard, 100)
  await refused(/no shard/)
  await truncate(shard, 0)
  await refused(/no shard/)
  await appendFile(shard, 'more')
  await refused(/added to/)
  await writeFile(shard, 'GGUF'.repeat(1000))
  await refused(/no shard/)
  const damaged = Buffer.from(bytes)
  damaged[300]! ^= 1
  await writeFile(shard, damaged)
  await refused(/damaged/)
  const later = Buffer.from(bytes)
  later.writeUInt32LE(7, 8)
  await writeFile(shard, later)
  await refused(/version 7/)
  await writeFile(shard, await readFile(join(out, 'train-00001.qtok')))
  await refused(/another shard/)
  await rm(shard)
  await refused(/missing/)
  await writeFile(join(out, 'shards.json'), '{}')
  await refused(/does not describe/, join(out, 'shards.json'))
  await rm(join(out, 'shards.json'))
  await refused(/did not end/, out)
})

test('a training that does not fit the shards is refused by the setting', async () => {
  const out = join(folder, 'fit')
  await prepareShards(config(data), tokenizer, { out })
  const refused = async (field: string, asked = config(out), whose = tokenizer, options = {}) =>
    expect(prepareRows(asked, whose, options)).rejects.toMatchObject({ code: 'DATA_SHARD', where: { field } })
  await refused('training.sequenceLength', config(out, { sequenceLength: 64 }))
  await refused('training.packing', config(out, { packing: false }))
  await refused('data.validation', config(out, {}, { validation: data }))
  await refused('tokenizer', config(out), { ...tokenizer, token: (id) => `other ${id}` })
  await refused('tokenizer', config(out), tokenizer, { vocabularySize: 20 })
  await refused('data.learn', config(out, {}, { learn: 'last-turn' }))
  await refused('data.tooLong', config(out, {}, { tooLong: 'drop' }))
  const last = join(folder, 'last-turn')
  await prepareShards(config(data, {}, { learn: 'last-turn', tooLong: 'drop' }), tokenizer, { out: last })
  await refused('data.learn', config(last, {}, { learn: { roles: ['user'] } }))
  const same = await prepareRows(config(last, {}, { learn: 'last-turn', tooLong: 'drop' }), tokenizer)
  expect(same.hash).toBe((await prepareRows(config(last), tokenizer)).hash)
  // What shards of chats were made with where nothing was said.
  for (const said of [{ learn: 'assistant' }, { tooLong: 'cut-end' }, { overlap: 0 }])
    expect((await prepareRows(config(out, {}, said), tokenizer)).train.length).toBeGreaterThan(0)
  await refused('data.tooLong', config(out, {}, { tooLong: 'split' }))
  const [text, mixed] = [join(folder, 'text'), join(folder, 'mixed')]
  await writeFile(`${text}.jsonl`, '{"text":"a"}\n{"text":"b"}')
  await writeFile(`${mixed}.jsonl`, '{"text":"a"}\n{"prompt":"b","completion":"c"}')
  for (const shards of [text, mixed]) await prepareShards(config(`${shards}.jsonl`), tokenizer, { out: shards })
  expect((await prepareRows(config(text, {}, { tooLong: 'split' }), tokenizer)).train.length).toBe(1)
  for (const tooLong of ['split', 'cut-end']) await refused('data.tooLong', config(mixed, {}, { tooLong }))
  expect((await prepareRows(config(out, {}, { validation: 0 }), tokenizer)).validation).toBeUndefined()
  await expect(prepareShards(config(data), tokenizer, { out: folder })).rejects.toMatchObject({ code: 'DATA_SHARD' })
  await expect(prepareShards(config(out), tokenizer, { out: join(folder, 'twice') })).rejects.toMatchObject({
    code: 'DATA_OPTION',
  })
})

test('ids beyond the vocabulary of a model never reach it', async () => {
  const [rows, out] = [join(folder, 'ids.jsonl'), join(folder, 'ids')]
  await writeFile(rows, '{"input_ids":[1,2,900,3]}\n')
  await prepareShards(config(rows), undefined, { out })
  await expect(prepareRows(config(out), undefined, { vocabularySize: 500 })).rejects.toThrow('token id 900')
})

test('an abort leaves nothing that a training would read', async () => {
  const out = join(folder, 'aborted')
  await expect(prepareShards(config(data), tokenizer, { out, signal: AbortSignal.abort() })).rejects.toThrow('aborted')
  expect(await readdir(out)).toEqual([])
})
