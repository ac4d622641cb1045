import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
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

test('so is a tokenised pair', async () => {
  const side = (length: number) => ({ input_ids: Array.from({ length }, (_, i) => i) })
  const records = [
    { chosen: side(70), rejected: side(3) },
    { chosen: side(64), rejected: side(3) },
  ]
  const pairs = await preparePairs(await config('long-tokens.jsonl', records), undefined)
  expect([pairs.train.length, pairs.warnings[0]]).toEqual([1, expect.stringContaining('1 pair left out')])
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

test('a pair weighs what it says beside its answers, and one that weighs nothing is left out', async () => {
  const pair = (weight?: unknown) => ({ prompt: 'q', chosen: 'x', rejected: 'y', weight })
  const pairs = await preparePairs(await config('weighed-pairs.jsonl', [pair(), pair(0.25), pair(0)]), tokenizer)
  expect([pairs.train.length, pairs.warnings]).toEqual([2, [expect.stringMatching(/^1 pair left out: .* weighs nothing\.$/)]])
  await expect(preparePairs(await config('weightless.jsonl', [pair(0)]), tokenizer)).rejects.toMatchObject({
    code: 'DATA_NOTHING_TO_TRAIN',
    actions: expect.arrayContaining([{ label: 'Give pairs a "weight" above 0.' }]),
  })
  const { weights, ids } = pairs.train.row(1)
  expect(pairs.train.row(0).weights).toBeUndefined()
  expect(weights).toEqual(new Float32Array(ids.length).fill(0.25))
  await expect(preparePairs(await config('bad-pair.jsonl', [pair('much')]), tokenizer)).rejects.toMatchObject({
    where: { field: 'weight', line: 1 },
  })
})

test('of answers what "learn" names is compared, and tools and the conversation before them are shown', async () => {
  const named = byteTokenizer(undefined, {
    chatTemplate:
      '{% for tool in tools or [] %}<tool {{ tool.function.name }}>{% endfor %}' +
      '{% for m in messages %}<|im_start|>{{ m.role }} {{ m.content }}<|im_end|>{% endfor %}' +
      '{% if add_generation_prompt %}<|im_start|>assistant {% endif %}',
  })
  const pairs = await preparePairs(
    await config(
      'tools.jsonl',
      [
        {
          messages: [{ role: 'user', content: 'hit it' }],
          chosen: 'So: [roll: 1d20]',
          rejected: 'Well: [roll: 1d4]',
          tools: [{ name: 'roll' }],
        },
      ],
      { learn: { pattern: '\\[.*\\]' } },
    ),
    named,
  )
  const row = pairs.train.row(0)
  expect([learned(row, 0), learned(row, 1)]).toEqual(['[roll: 1d20]<|im_end|>', '[roll: 1d4]<|im_end|>'])
  const shown = named.decode(row.ids.subarray(0, row.documents[1]))
  expect(shown).toContain('<tool roll><|im_start|>user hit it<|im_end|><|im_start|>assistant So: ')
})

test('what is held out is not trained on, and a share takes not all of a little data', async () => {
  const both = join(folder, 'both')
  await mkdir(both)
  const pair = (chosen: string) => JSON.stringify({ prompt: 'q', chosen, rejected: 'y' })
  await writeFile(join(both, 'train.jsonl'), pair('trained'))
  const heldOut = join(both, 'held.jsonl')
  await writeFile(heldOut, pair('held'))
  const apart = await preparePairs(await config('unused.jsonl', [], { path: both, validation: heldOut }), tokenizer)
  expect([apart.train.length, learned(apart.train.row(0), 0)]).toEqual([1, expect.stringMatching(/^trained/)])
  expect([apart.validation!.length, learned(apart.validation!.row(0), 0)]).toEqual([1, expect.stringMatching(/^held/)])
  expect(apart.warnings.join()).toContain('held out, and is not trained on')
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const { data, training } = await config('only.jsonl', [JSON.parse(pair('x'))], { validation: 0.9 })
    const { train, validation } = await preparePairs({ data, training: { ...training, seed } }, tokenizer)
    expect([train.length, validation]).toEqual([1, undefined])
  }
})

test('an example that weighs nothing is nothing to train or to validate on', async () => {
  const nothing = { text: 'ab', weight: 0 }
  const some = await prepareRows(await config('some.jsonl', [nothing, { text: 'cd' }], { format: 'text' }), tokenizer)
  expect([some.train.length, learned(some.train.row(0), 0)]).toEqual([1, expect.stringMatching(/^d/)])
  expect(some.warnings).toContain('1 example left out: nothing in them to train on.')
  await expect(prepareRows(await config('all.jsonl', [nothing], { format: 'text' }), tokenizer)).rejects.toMatchObject({
    code: 'DATA_NOTHING_TO_TRAIN',
  })
  const ids = { input_ids: [1, 2, 3], weight: 0 }
  await writeFile(join(folder, 'nothing.jsonl'), JSON.stringify(ids))
  const held = { format: 'tokens', validation: join(folder, 'nothing.jsonl') }
  const tokens = await prepareRows(await config('ids.jsonl', [ids, { input_ids: [1, 2, 3] }], held), undefined)
  expect([tokens.train.length, tokens.validation]).toEqual([1, undefined])
  // A float32 would make nothing of it.
  const least = { text: 'ab', weight: 1e-50 }
  await expect(prepareRows(await config('least.jsonl', [least], { format: 'text' }), tokenizer)).rejects.toMatchObject({
    code: 'DATA_NOTHING_TO_TRAIN',
  })
})

test.each([
  ['pairs', 'preference', { prompt: 'q', chosen: 'x', rejected: 'y' }],
  ['texts', 'text', { text: 'x<|im_end|>' }],
  ['chats', 'chat', { messages: [{ role: 'assistant', content: 'x' }] }],
] as const)('a token that the model has no row for is refused where it stands: %s', async (name, format, record) => {
  const given = await config(`beyond-${name}.jsonl`, [record], { format })
  const prepare = name === 'pairs' ? preparePairs : prepareRows
  await expect(prepare(given, tokenizer, { vocabularySize: 256 })).rejects.toMatchObject({
    code: 'DATA_TOKEN_OUT_OF_RANGE',
    where: { line: 1 },
    actions: [{ label: 'Where "tokenizer" is set, remove it: the base brings its own.' }, {}],
  })
  expect((await prepare(given, tokenizer, { vocabularySize: 259 })).train.length).toBe(1)
})
