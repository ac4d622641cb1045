import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { dataSchema, ignoreLabel, type PackedRow, trainingSchema } from '@qt/core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { byteTokenizer } from '../test/byte-tokenizer.js'
import { preparePairs } from './prepare-pairs.js'
import { prepareRows, type RowsConfig } from './prepare-rows.js'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-pairs-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const tokenizer = byteTokenizer()
async function config(name: string, records: readonly unknown[], data: object = {}): Promise<RowsConfig> {
  const path = join(folder, name)
  await writeFile(path, records.map((record) => JSON.stringify(record)).join('\n'))
  return {
    data: dataSchema.parse({ path, format: 'preference', validation: 0, ...data }),
    training: trainingSchema.parse({ sequenceLength: 64 }),
  }
}

/** What of a document is learned, as text. */
function learned({ labels, documents }: PackedRow, document: number): string {
  const part = labels.subarray(documents[document]!, documents[document + 1]!)
  return tokenizer.decode([...part].filter((label) => label !== ignoreLabel))
}

test('a row is the chosen answer and then the rejected one, with loss on the answers only', async () => {
  const pairs = await preparePairs(
    await config('pairs.jsonl', [
      { prompt: 'roll', chosen: '14!', rejected: 'no' },
      {
        prompt: [
          { role: 'user', content: 'a' },
          { role: 'assistant', content: 'b' },
          { role: 'user', content: 'c' },
        ],
        chosen: [{ role: 'assistant', content: 'd' }],
        rejected: 'e',
      },
    ]),
    tokenizer,
  )
  expect(pairs.train.length).toBe(2)
  const rows = [0, 1].map((index) => pairs.train.row(index))
  expect(rows.map(({ documents }) => documents.length)).toEqual([3, 3])
  expect(rows.flatMap((row) => [learned(row, 0), learned(row, 1)])).toEqual([
    expect.stringMatching(/^14!/),
    expect.stringMatching(/^no/),
    expect.stringMatching(/^d/),
    expect.stringMatching(/^e/),
  ])
})

test('tokenised pairs are taken as they are, in their order', async () => {
  const side = (id: number) => ({ input_ids: [1, 2, id], labels: [-100, -100, id] })
  const pairs = await preparePairs(await config('tokens.jsonl', [{ chosen: side(7), rejected: side(8) }]), undefined)
  expect(pairs.train.row(0)).toEqual({
    ids: Int32Array.of(1, 2, 7, 1, 2, 8),
    labels: Int32Array.of(-100, 7, -100, -100, 8, -100),
    documents: Int32Array.of(0, 3, 6),
  })
  expect(pairs.shuffle).toBe(false)
})

test('a pair that does not fit is left out and counted; nothing at all is an error', async () => {
  const long = { prompt: 'q', chosen: 'x'.repeat(200), rejected: 'y' }
  const pairs = await preparePairs(await config('long.jsonl', [long, { prompt: 'q', chosen: 'x', rejected: 'y' }]), tokenizer)
  expect([pairs.train.length, pairs.warnings[0]]).toEqual([1, expect.stringContaining('1 pair left out')])
  await expect(preparePairs(await config('none.jsonl', [long]), tokenizer)).rejects.toMatchObject({
    code: 'DATA_NOTHING_TO_TRAIN',
  })
})

test('a missing answer names file, line and field', async () => {
  const records = [{ prompt: 'q', chosen: 'x' }]
  await expect(preparePairs(await config('missing.jsonl', records), tokenizer)).rejects.toMatchObject({
    code: 'DATA_RECORD_INVALID',
    where: { file: expect.stringContaining('missing.jsonl'), line: 1, field: 'rejected' },
  })
})

test('a weight beside an example weighs its tokens, and is part of what the data is', async () => {
  const rows = async (name: string, weight?: unknown) =>
    prepareRows(await config(name, [{ text: 'ab', weight }, { text: 'cd' }], { format: 'text' }), tokenizer)
  const [plain, weighed] = [await rows('plain.jsonl'), await rows('weighed.jsonl', 0.25)]
  expect(plain.train.row(0).weights).toBeUndefined()
  const { weights, documents } = weighed.train.row(0)
  expect(weights![0]).toBe(0.25)
  expect(weights![documents[1]!]).toBe(1)
  expect(weighed.hash).not.toBe(plain.hash)
  await expect(rows('bad.jsonl', -1)).rejects.toMatchObject({ where: { field: 'weight', line: 1 } })
})
