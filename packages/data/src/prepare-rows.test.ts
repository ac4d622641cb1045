import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { dataSchema, QtError, trainingSchema, uniform } from '@qt/core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { byteTokenizer } from '../test/byte-tokenizer.js'
import { prepareRows, type RowsConfig } from './prepare-rows.js'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-data-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function file(name: string, content: string | Buffer): Promise<string> {
  const path = join(folder, name)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, content)
  return path
}
const lines = (...records: unknown[]): string => `${records.map((record) => JSON.stringify(record)).join('\n')}\n`
const config = (path: string | string[], training: object = {}, data: object = {}): RowsConfig => ({
  data: dataSchema.parse({ path, ...data }),
  training: trainingSchema.parse({ sequenceLength: 64, ...training }),
})
const tokenizer = byteTokenizer()
const failure = async (work: Promise<unknown>): Promise<QtError> => {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!QtError.isInstance(error)) throw new Error(`expected a QtError, got ${String(error)}`)
  return error
}
const chat = (question: string, answer: string) => ({
  messages: [
    { role: 'user', content: question },
    { role: 'assistant', content: answer },
  ],
})

test('takes pre-tokenised rows as they are, with labels shifted by one', async () => {
  const path = await file('tokens.jsonl', lines({ input_ids: [5, 6, 7], labels: [-100, 6, 7] }, { input_ids: [8, 9] }))
  const rows = await prepareRows(config(path), undefined)
  expect(rows.train.length).toBe(2)
  expect(rows.train.row(0)).toEqual({
    ids: Int32Array.of(5, 6, 7),
    labels: Int32Array.of(6, 7, -100),
    documents: Int32Array.of(0, 3),
  })
  expect(rows.train.row(1).labels).toEqual(Int32Array.of(9, -100))
  expect(rows).toMatchObject({
    validation: undefined,
    tokens: 5,
    trainableTokens: 3,
    packing: false,
    shuffle: false,
    format: 'tokens',
  })
})

test('packs pre-tokenised rows when asked to, with the borders of documents', async () => {
  const path = await file('pack.jsonl', lines({ input_ids: [1, 2, 3] }, { input_ids: [4, 5] }))
  const { train } = await prepareRows(config(path, { packing: true }), undefined)
  expect(train.length).toBe(1)
  expect(train.row(0)).toEqual({
    ids: Int32Array.of(1, 2, 3, 4, 5),
    labels: Int32Array.of(2, 3, -100, 5, -100),
    documents: Int32Array.of(0, 3, 5),
  })
})

test.each([
  ['a row that is too long', { input_ids: Array(65).fill(1) }, 'DATA_ROW_TOO_LONG', 'sequenceLength to 65'],
  ['an id beyond the vocabulary', { input_ids: [1, 259] }, 'DATA_TOKEN_OUT_OF_RANGE', 'own tokenizer'],
  ['a negative id', { input_ids: [-100] }, 'DATA_TOKEN_OUT_OF_RANGE', 'own tokenizer'],
  ['a fractional id', { input_ids: [1.5] }, 'DATA_TOKEN_OUT_OF_RANGE', 'own tokenizer'],
  ['labels of another length', { input_ids: [1, 2], labels: [1] }, 'DATA_RECORD_INVALID', 'every id a label'],
  ['no ids', { input_ids: [] }, 'DATA_RECORD_INVALID', 'input_ids'],
  ['a record of no known shape', { foo: 1 }, 'DATA_RECORD_UNKNOWN', 'messages'],
  ['a conversation without messages', { messages: [] }, 'DATA_RECORD_INVALID', 'messages'],
  ['an unknown role', { messages: [{ role: 'wizard', content: '' }] }, 'DATA_RECORD_INVALID', 'assistant'],
  ['an image', { messages: [{ role: 'user', content: [{ type: 'image_url' }] }] }, 'DATA_RECORD_INVALID', 'images'],
  ['an answer that is no text', { instruction: 'a', output: 3 }, 'DATA_RECORD_INVALID', 'output'],
])('names file, line and fix for %s', async (name, record, code, action) => {
  const path = await file(`bad/${name}.jsonl`, `\n${lines(record)}`)
  const error = await failure(prepareRows(config(path), tokenizer))
  expect(error.code).toBe(code)
  expect(error.where).toMatchObject({ file: path, line: 2 })
  expect(error.actions.map(({ label }) => label).join(' ')).toContain(action)
  expect(error.kind).toBe('usage')
})

test('names the line of broken JSON, of text that is not UTF-8 and of a broken archive', async () => {
  const broken = await failure(prepareRows(config(await file('broken.jsonl', '{"text":"a"}\n{"text":')), tokenizer))
  expect(broken).toMatchObject({ code: 'DATA_SYNTAX', where: { line: 2 } })
  const latin = await file('latin.jsonl', Buffer.from([...Buffer.from('{"text":"a"}\n{"text":"'), 0xe9, 0x22, 0x7d]))
  expect(await failure(prepareRows(config(latin), tokenizer))).toMatchObject({ code: 'DATA_ENCODING' })
  const torn = await file('torn.jsonl.gz', gzipSync(lines({ text: 'a' })).subarray(0, 12))
  expect(await failure(prepareRows(config(torn), tokenizer))).toMatchObject({ code: 'DATA_UNREADABLE', where: { file: torn } })
})

test('says that data without an example is empty', async () => {
  expect(await failure(prepareRows(config(await file('empty.jsonl', '\n')), tokenizer))).toMatchObject({
    code: 'DATA_NOTHING_TO_TRAIN',
    message: expect.stringContaining('no example'),
  })
})

test('is an error when no token carries loss', async () => {
  const path = await file('masked.jsonl', lines({ input_ids: [1, 2], labels: [1, -100] }))
  expect(await failure(prepareRows(config(path), undefined))).toMatchObject({ code: 'DATA_NOTHING_TO_TRAIN' })
})

test('ends each text with the end token, cuts long ones and predicts every token once', async () => {
  const long = 'x'.repeat(150)
  const path = await file('texts.jsonl', lines({ text: long }, { text: 'short' }, { text: '   ' }))
  const rows = await prepareRows(config(path, {}, { validation: 0 }), tokenizer)
  // 151 tokens in pieces of 64, 64 and 23; 6 tokens; one prediction fewer than tokens for each document.
  expect(rows).toMatchObject({ tokens: 157, trainableTokens: 155, packing: true, shuffle: true })
  expect(rows.warnings).toEqual(['1 example left out: nothing in them to train on.'])
  const first = rows.train.row(0)
  expect([first.ids.length, first.labels[63]]).toEqual([64, 'x'.charCodeAt(0)])
  const last = rows.train.row(rows.train.length - 1)
  expect([...last.documents]).toEqual([0, 23, 29])
  expect(last.labels[21]).toBe(tokenizer.eosId)
  expect(last.labels[22]).toBe(-100)
})

test('puts the tokens around a text that its tokenizer puts there', async () => {
  const framing = byteTokenizer(['<s>', '</s>', '<|im_end|>'], { frame: ['<s>', '</s>'], eos: '</s>' })
  const path = await file('framed.jsonl', lines({ text: 'ab' }))
  const rows = await prepareRows(config(path, {}, { validation: 0 }), framing)
  expect([...rows.train.row(0).ids]).toEqual([256, 97, 98, 257])
})

test('reads folders, globs, lists, JSON arrays and gzip, and leaves the README of a dataset out', async () => {
  await file('many/a.jsonl', lines({ text: 'one' }))
  await file('many/deep/b.jsonl.gz', gzipSync(lines({ text: 'two' })))
  await file('many/c.json', JSON.stringify([{ text: 'three' }, chat('q', 'a')]))
  await file('many/README.md', 'about')
  const options = { validation: 0 }
  const all = await prepareRows(config(join(folder, 'many'), {}, options), tokenizer)
  expect(all.statistics).toMatchObject({ files: 3, documents: 4 })
  expect(all.format).toBe('mixed')
  const some = await prepareRows(config(join(folder, 'many/**/*.jsonl*'), {}, options), tokenizer)
  expect(some.statistics).toMatchObject({ files: 2, documents: 2 })
  const list = await prepareRows(config([join(folder, 'many/a.jsonl'), join(folder, 'many')], {}, options), tokenizer)
  expect(list.statistics.files).toBe(3)
  expect(await failure(prepareRows(config(join(folder, 'nowhere')), tokenizer))).toMatchObject({ code: 'DATA_NOT_FOUND' })
})

test('trains on the assistant only, whichever shape a conversation has', async () => {
  const shapes = [
    chat('Hi', 'Hello'),
    {
      conversations: [
        { from: 'human', value: 'Hi' },
        { from: 'gpt', value: 'Hello' },
      ],
    },
    { instruction: 'Hi', input: '', output: 'Hello' },
    { prompt: 'Hi', completion: 'Hello' },
    { prompt: [{ role: 'user', content: 'Hi' }], completion: [{ role: 'assistant', content: 'Hello' }] },
  ]
  const hashes = new Set<string>()
  for (const [index, shape] of shapes.entries()) {
    const path = await file(`shape-${index}.jsonl`, lines(shape))
    const rows = await prepareRows(config(path, { sequenceLength: 128 }, { validation: 0 }), tokenizer)
    const { labels } = rows.train.row(0)
    expect(tokenizer.decode([...labels].filter((label) => label !== -100))).toBe('Hello<|im_end|>')
    hashes.add(rows.hash)
  }
  expect(hashes.size).toBe(1)
})

test('of messages that are answered by messages only the answer is trained on, and tools are shown', async () => {
  const record = {
    prompt: [...chat('Hi', 'Hello').messages, { role: 'user', content: 'Roll' }],
    completion: [{ role: 'assistant', content: 'Five' }],
    tools: [{ name: 'roll' }],
  }
  const template =
    '{% for t in tools or [] %}<{{ t.function.name }}>{% endfor %}{% for m in messages %}{{ m.content }}<|im_end|>{% endfor %}'
  const path = await file('answered.jsonl', lines(record))
  const shown = byteTokenizer(undefined, { chatTemplate: template })
  const { ids, labels } = (await prepareRows(config(path, {}, { validation: 0 }), shown)).train.row(0)
  expect(shown.decode([...labels].filter((label) => label !== -100))).toBe('Five<|im_end|>')
  expect(shown.decode(ids)).toBe('<roll>Hi<|im_end|>Hello<|im_end|>Roll<|im_end|>Five<|im_end|>')
  const empty = await file('unanswered.jsonl', lines({ ...record, completion: [] }))
  expect(await failure(prepareRows(config(empty), shown))).toMatchObject({ where: { field: 'completion', line: 1 } })
  const begun = [{ role: 'system', content: 'Be short.' }, ...record.prompt]
  const told = '<roll>Be short.<|im_end|>Hi<|im_end|>Hello<|im_end|>Roll<|im_end|>Five<|im_end|>'
  for (const [name, value] of Object.entries({ beside: record, repeated: { ...record, prompt: begun } })) {
    const path = await file(`${name}.jsonl`, lines({ ...value, system: 'Be short.' }))
    const { train } = await prepareRows(config(path, {}, { validation: 0 }), shown)
    expect(shown.decode(train.row(0).ids)).toBe(told)
  }
  for (const value of [
    { ...record, system: 4 },
    { ...record, prompt: begun, system: 'Be long.' },
  ]) {
    const path = await file('systems.jsonl', lines(value))
    expect(await failure(prepareRows(config(path), shown))).toMatchObject({ where: { field: 'system', line: 1 } })
  }
})

test('in cells prompts and completions are messages only together, and text beside messages is refused', async () => {
  const [prompt, completion] = [chat('Hi', 'Hello').messages.slice(0, 1), chat('Hi', 'Hello').messages.slice(1)]
  const cell = (value: unknown) => `"${JSON.stringify(value).replaceAll('"', '""')}"`
  const trained = async (name: string, header: string, ...cells: string[]) => {
    const path = await file(`cells/${name}.csv`, `${header}\n${cells.join()}\n`)
    const { train } = await prepareRows(config(path, { sequenceLength: 256 }, { validation: 0 }), tokenizer)
    return tokenizer.decode([...train.row(0).labels].filter((label) => label !== -100))
  }
  expect(await trained('both', 'prompt,completion', cell(prompt), cell(completion))).toMatch(/^Hello<\|im_end\|>/)
  expect(await trained('response', 'prompt,response', cell(prompt), cell(completion))).toMatch(/^Hello<\|im_end\|>/)
  expect(await trained('about', 'prompt,completion', cell(prompt), 'A greeting')).toMatch(/^A greeting<\|im_end\|>/)
  expect(await trained('writes', 'prompt,completion', 'Greet', cell(completion))).toMatch(/^\[{"role":"assistant"/)
  expect(await trained('data', 'prompt,completion', cell([1]), cell([2]))).toMatch(/^\[2\]<\|im_end\|>/)
  expect(await trained('empty', 'prompt,input,completion', cell(prompt), '', cell(completion))).toMatch(/^Hello/)
  const path = await file('beside.jsonl', lines({ prompt, input: 'More', completion }))
  expect(await failure(prepareRows(config(path), tokenizer))).toMatchObject({
    code: 'DATA_RECORD_INVALID',
    where: { field: 'input', line: 1 },
  })
})

test('the hash tells apart what is trained on and nothing else', async () => {
  const one = await file('hash/one.jsonl', lines({ input_ids: [1, 2, 3] }))
  const spaced = await file('hash/spaced.jsonl', '\n{ "labels": [1, 2, 3],\t"input_ids": [1, 2, 3] }\r\n')
  const other = await file('hash/other.jsonl', lines({ input_ids: [1, 2, 3], labels: [1, -100, 3] }))
  const hash = async (path: string) => (await prepareRows(config(path), undefined)).hash
  expect(await hash(spaced)).toBe(await hash(one))
  expect(await hash(other)).not.toBe(await hash(one))
  // sha256 of the little-endian int32s 3 2, 0 3, 1 2 3, 2 3 -100: the same on every machine and in every version.
  expect(await hash(one)).toBe('6e7ce3e3da648c2cbdedaf9106ef3bc7406038bca1ca442d3862a5cbe83cfb5d')
})

test('holds the share of examples out by seed, and a path of its own whole', async () => {
  const path = await file('split.jsonl', lines(...Array.from({ length: 400 }, (_, i) => ({ text: `text number ${i}` }))))
  const split = (seed: number) => prepareRows(config(path, { seed, packing: false }, { validation: 0.25 }), tokenizer)
  const [a, b, c] = [await split(1), await split(1), await split(2)]
  expect(a.validation!.length + a.train.length).toBe(400)
  expect(a.validation!.length).toBeGreaterThan(70)
  expect(a.validation!.length).toBeLessThan(130)
  expect(a.hash).toBe(b.hash)
  expect(a.hash).not.toBe(c.hash)
  const own = await file('own.jsonl', lines({ text: 'held' }))
  const fixed = await prepareRows(config(path, { packing: false }, { validation: own }), tokenizer)
  expect([fixed.train.length, fixed.validation!.length]).toEqual([400, 1])
})

test('does not validate on rows without loss', async () => {
  const path = await file('ids.jsonl', lines({ input_ids: [1, 2] }))
  const held = await file('held.jsonl', lines({ input_ids: [1, 2], labels: [-100, -100] }))
  const rows = await prepareRows(config(path, {}, { validation: held }), undefined)
  expect(rows.validation).toBeUndefined()
  expect(rows.warnings).toEqual(['The validation data has no token with loss: nothing is validated.'])
})

test('never holds out all of the data', async () => {
  const path = await file('few.jsonl', lines({ text: 'only one' }))
  for (let seed = 0; seed < 20; seed++) {
    const rows = await prepareRows(config(path, { seed }, { validation: 0.9 }), tokenizer)
    expect([rows.train.length, rows.validation]).toEqual([1, undefined])
  }
})

test('cuts the end off a conversation that is too long and says so', async () => {
  const path = await file('cut.jsonl', lines(chat('Hi', 'word '.repeat(40)), chat('x'.repeat(100), 'never seen')))
  const rows = await prepareRows(config(path, {}, { validation: 0 }), tokenizer)
  expect(rows.train.length).toBe(1)
  expect(rows.train.row(0).ids.length).toBe(64)
  expect(rows.warnings).toEqual([
    '2 examples longer than training.sequenceLength (64): the end was cut off.',
    '1 example left out: nothing in them to train on.',
  ])
})

test('refuses pre-tokenised rows beside other examples, and text without a tokenizer', async () => {
  const path = await file('mixed.jsonl', lines({ text: 'a' }, { input_ids: [1, 2] }))
  expect(await failure(prepareRows(config(path), tokenizer))).toMatchObject({ code: 'DATA_FORMATS_MIXED', where: { line: 2 } })
  expect(await failure(prepareRows(config(path), undefined))).toMatchObject({ code: 'DATA_TOKENIZER_MISSING' })
})

test('stops when asked to', async () => {
  const path = await file('abort.jsonl', lines({ text: 'a' }))
  await expect(prepareRows(config(path), tokenizer, { signal: AbortSignal.abort() })).rejects.toThrow('aborted')
})

test('what is held out is not trained on where nothing else can be: that is told', async () => {
  const share = 0.5
  const settings = config('', {}, { validation: share })
  const isHeld = (i: number) => uniform(settings.training.seed, 'split', 0, i) < share
  // The answers to long questions are cut off.
  const rows = Array.from({ length: 10 }, (_, i) => chat(isHeld(i) ? 'a' : 'a'.repeat(90), 'b'))
  const left = rows.filter((_, i) => !isHeld(i)).length
  const path = await file('only-held.jsonl', lines(...rows))
  const { code, actions } = await failure(prepareRows(config(path, {}, { validation: share }), tokenizer))
  expect(code).toBe('DATA_NOTHING_TO_TRAIN')
  expect(actions.map(({ label }) => label)).toContainEqual(expect.stringContaining(`${left} examples left out`))
})
