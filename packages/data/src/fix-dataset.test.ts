import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { fixDataset, fixRecord } from './fix-dataset.js'

// Other work may share the machine.
vi.setConfig({ testTimeout: 120_000 })

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-fix-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const chat = (...turns: readonly (readonly [string, string])[]) => ({
  messages: turns.map(([role, content]) => ({ role, content })),
})
const asked = (question: string, answer: string) => chat(['user', question], ['assistant', answer])
const sums = { prompt: 'Add them', completion: '2 + 2 = 5' }
const lines = async (file: string): Promise<unknown[]> =>
  (await readFile(file, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

test('fixing leaves sound lines as they are, corrects what it can, and drops only when told', async () => {
  const file = join(folder, 'fix.jsonl')
  const sound = '{ "messages": [{"role":"user","content":"Hi"}, {"role":"assistant","content":"Hello"}] }'
  const lines = [
    sound,
    JSON.stringify(chat(['User', 'Go'], ['bot', 'cafÃ© at 2 + 2 = 5<|im_end|>'])),
    '{"torn": ',
    JSON.stringify(asked('Hi', '')),
  ]
  await writeFile(file, lines.join('\n'))
  expect(await fixDataset(file, { dryRun: true })).toMatchObject({ out: undefined, left: 2 })
  expect(await readFile(file, 'utf8')).toBe(lines.join('\n'))
  expect(await fixDataset(file)).toMatchObject({ examples: 3, fixed: 4, dropped: 0, left: 2 })
  const after = (await readFile(file, 'utf8')).split('\n')
  expect(after[0]).toBe(sound)
  expect(JSON.parse(after[1]!)).toEqual(chat(['user', 'Go'], ['bot', 'café at 2 + 2 = 4']))
  expect(after[2]).toBe('{"torn": ')
  expect(await fixDataset(file, { drop: true })).toMatchObject({ dropped: 2, left: 0 })
  expect((await readFile(file, 'utf8')).trim().split('\n').length).toBe(2)
})

test('fixing CSV and JSON writes the same kind of file', async () => {
  const [csv, json] = [join(folder, 'c.csv'), join(folder, 'd.json')]
  await writeFile(csv, 'instruction,output\n"Add, please","2 + 2 = 5"\n')
  await writeFile(json, JSON.stringify([{ prompt: 'Add them', completion: '2 + 2 = 5' }]))
  await fixDataset(csv)
  await fixDataset(json)
  expect(await readFile(csv, 'utf8')).toBe('instruction,output\n"Add, please",2 + 2 = 4\n')
  expect(JSON.parse(await readFile(json, 'utf8'))).toEqual([{ prompt: 'Add them', completion: '2 + 2 = 4' }])
})

test.each<[string, string, string | Buffer, string]>([
  [
    'lines that are not UTF-8',
    'latin.jsonl',
    Buffer.from('{"text": "caf\u00e9"}\n{"text": "a\\u200bb"}', 'latin1'),
    'DATA_ENCODING',
  ],
  ['cells that are not UTF-8', 'latin.csv', Buffer.from('text\ncaf\u00e9\na\n', 'latin1'), 'DATA_ENCODING'],
  ['a cell that is never closed', 'open.csv', 'text,id\na,1\n"b,2\nc,3\n', 'DATA_SYNTAX'],
  ['a header that is none', 'header.csv', 'text,text\na,1\n', 'DATA_SYNTAX'],
  ['what stands around the records', 'around.json', JSON.stringify({ version: 1, data: [sums] }), 'DATA_FILE_UNSUPPORTED'],
  ['a kind of file that is not written', 'notes.txt', 'The caf\u00c3\u00a9 is open.', 'DATA_FILE_UNSUPPORTED'],
])('nothing is lost: %s', async (_, name, content, code) => {
  const file = join(folder, name)
  await writeFile(file, content)
  await expect(fixDataset(file, { drop: true })).rejects.toMatchObject({ code, where: { file } })
  expect(await readFile(file)).toEqual(Buffer.from(content))
  expect((await readdir(folder)).filter((one) => one.endsWith('.tmp'))).toEqual([])
})

test('a list that was cut off keeps what came before', async () => {
  const file = join(folder, 'cut.json')
  await writeFile(file, '[{"text": "a"}, {"text": "b"}, {"te')
  await expect(fixDataset(file)).rejects.toMatchObject({ code: 'DATA_SYNTAX' })
  await fixDataset(file, { drop: true })
  expect(JSON.parse(await readFile(file, 'utf8'))).toEqual([{ text: 'a' }, { text: 'b' }])
})

test('a line that is a list of messages is a record, and text without mistakes needs no writing', async () => {
  const file = join(folder, 'lists.jsonl')
  const line = JSON.stringify(asked('Hi', 'Hello').messages)
  await writeFile(file, `${line}\n{"torn": `)
  expect(await fixDataset(file, { drop: true })).toMatchObject({ examples: 1, dropped: 1 })
  expect(await readFile(file, 'utf8')).toBe(`${line}\n`)
  await writeFile(join(folder, 'sound.txt'), 'The door is open.')
  expect(await fixDataset(join(folder, 'sound.txt'))).toMatchObject({ examples: 1, left: 0, out: undefined })
})

test('records go into files of other kinds, packed or not, and never lose a field', async () => {
  const file = join(folder, 'any.jsonl')
  const records = [sums, { ...sums, prompt: 'Again', completion: 'Four.' }]
  await writeFile(file, records.map((one) => JSON.stringify(one)).join('\n'))
  const right = [{ ...sums, completion: '2 + 2 = 4' }, records[1]]
  await fixDataset(file, { out: join(folder, 'out.json') })
  expect(JSON.parse(await readFile(join(folder, 'out.json'), 'utf8'))).toEqual(right)
  await fixDataset(file, { out: join(folder, 'out.csv.gz') })
  const csv = gunzipSync(await readFile(join(folder, 'out.csv.gz'))).toString()
  expect(csv).toBe('prompt,completion\nAdd them,2 + 2 = 4\nAgain,Four.\n')
  await writeFile(file, `${JSON.stringify(sums)}\n${JSON.stringify({ ...records[1], system: 'Be kind' })}`)
  await expect(fixDataset(file, { out: join(folder, 'lost.csv') })).rejects.toMatchObject({ code: 'DATA_COLUMN_MISSING' })
  expect((await readdir(folder)).filter((one) => one.startsWith('lost'))).toEqual([])
})

test.each(['out.jsonl', 'out.jsonl.gz'])('a folder that is not there is an error: %s', async (name) => {
  const file = join(folder, 'one.jsonl')
  await writeFile(file, JSON.stringify(sums))
  const out = join(folder, 'nowhere', name)
  await expect(fixDataset(file, { out })).rejects.toMatchObject({ code: 'WRITE_FAILED', where: { file: out } })
})

test('ids that are there again get another, numbers stay numbers', async () => {
  const file = join(folder, 'ids.jsonl')
  const ids = ['a', 'a', 'a-2', 'a', 7, 7]
  await writeFile(file, ids.map((id, i) => JSON.stringify({ id, ...asked(`Question ${i}`, `Answer ${i}`) })).join('\n'))
  await fixDataset(file)
  expect(await lines(file)).toMatchObject(['a', 'a-2', 'a-2-2', 'a-3', 7, 7].map((id) => ({ id })))
})

test('a misspelt tool is corrected where its name stands, and several parts are not made one', async () => {
  const file = join(folder, 'parts.jsonl')
  const roll = (name: string) => ({
    tools: [{ name: 'roll' }],
    messages: [
      { role: 'user', content: [{ type: 'text', text: 'I\u200b look' }] },
      { role: 'assistant', tool_calls: [{ name, arguments: {} }] },
      { role: 'tool', content: '12' },
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'You\u200b ' },
          { type: 'text', text: 'see.' },
        ],
      },
    ],
  })
  await writeFile(file, JSON.stringify(roll('rol')))
  expect(await fixDataset(file)).toMatchObject({ fixed: 2, left: 1 })
  const text = JSON.stringify(roll('roll')).replace('I\u200b', 'I')
  expect(await lines(file)).toEqual([JSON.parse(text)])
})

test('a content whose parts are counted in characters is not changed', () => {
  const turn = { role: 'assistant', content: 'It is cafÃ© time.' }
  const fixed = (more: object) =>
    fixRecord(
      {
        value: {
          messages: [
            { role: 'user', content: 'What?' },
            { ...turn, ...more },
          ],
        },
        where: {},
      },
      {},
    )
  expect(fixed({}).value).toMatchObject({ messages: [{}, { content: 'It is café time.' }] })
  const { value, applied, findings } = fixed({ learn: [[0, 5]] })
  expect(value).toMatchObject({ messages: [{}, turn] })
  expect(applied).toEqual([])
  expect(findings).toMatchObject([{ code: 'mojibake' }])
})
