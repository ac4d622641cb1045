import { execFileSync } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ChatExample } from '@qt/core'
import { defaultTools, parseCalls } from '@qt/data'
import { parseToolCalls, toolCallItems } from '@qt/eval'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { sizeOf } from './evaluate.js'
import type { PipelineEvent, StageName } from './events.js'
import { loadPipelineConfig } from './load-config.js'
import { settleTraining } from './settle-training.js'
import { openStageStore } from './stage-store.js'
import { dataFiles, type ValidateOptions, validate } from './validate.js'

const model = fileURLToPath(new URL('../../../weights/test/fixtures/tiny-llama', import.meta.url))
const tiny = fileURLToPath(new URL('../../test/fixtures/tiny', import.meta.url))
const plain = '{% for message in messages %}<{{ message.role }}>{{ message.content }}\n{% endfor %}'
const gemma = `{% for message in messages %}{% if message.role == 'tool' %}{{ raise_exception('no tools') }}{% endif %}<{{ message.role }}>{{ message.content }}\n{% endfor %}`
const mistral = `{% for message in messages %}{% if message.role != 'tool' %}<{{ message.role }}>{{ message.content }}\n{% endif %}{% endfor %}`

// Every check reads a tokenizer.
vi.setConfig({ testTimeout: 180_000 })

let root = ''
let game = ''
let base = ''
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'qt validate-'))
  ;[game, base] = [join(root, 'my game'), join(root, 'base')]
  await cp(tiny, game, { recursive: true })
  await cp(model, base, { recursive: true })
  await writeFile(join(base, 'chat_template.jinja'), plain)
})
// Some of what is in it has longer names than Node removes.
afterEach(() => void execFileSync('rm', ['-rf', root]))

interface Settings extends Partial<ValidateOptions> {
  /** The data of pipeline.yaml. */
  readonly data?: string
  readonly skipInvalid?: boolean
}

async function check({ data = '{ augment: 1, practice: 0 }', skipInvalid = false, ...options }: Settings = {}) {
  await writeFile(join(game, 'pipeline.yaml'), `data: ${data}\n`)
  const config = await settleTraining(await loadPipelineConfig(game), base)
  const events: PipelineEvent[] = []
  const states = new Map<StageName, 'done' | 'reused'>()
  const store = await openStageStore(config.output)
  const { signal } = new AbortController()
  const emit = (event: PipelineEvent) => void events.push(event)
  const result = await validate(
    { config, store, base, states, skipInvalid, emit, signal },
    { tools: defaultTools, command: 'npx qt', ...options },
  )
  const read = async (file: string): Promise<ChatExample[]> =>
    (await readFile(join(config.output, file), 'utf8'))
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line))
  return {
    result,
    state: states.get('validate'),
    codes: events.flatMap((event) => (event.type === 'finding' ? [event.finding.code] : [])),
    augment: config.data.augment,
    train: await read(dataFiles.train),
    heldOut: await read(dataFiles.heldOut),
  }
}

const rolls = (conversations: readonly ChatExample[]) =>
  conversations.flatMap(({ messages }) =>
    messages.filter(({ content }) => /^perception: \d/.test(content)).map(({ role }) => role),
  )

test.each([
  ['shows tools', plain, 'tool'],
  ['refuses them', gemma, 'user'],
  ['drops them', mistral, 'user'],
])('a template that %s decides who says the results', async (_, template, role) => {
  await writeFile(join(base, 'chat_template.jinja'), template)
  const { train, heldOut } = await check()
  for (const part of [train, heldOut]) expect(new Set(rolls(part))).toEqual(new Set([role]))
})

test('another template makes the conversations anew', async () => {
  expect((await check()).state).toBe('done')
  expect((await check()).state).toBe('reused')
  await writeFile(join(base, 'chat_template.jinja'), gemma)
  expect((await check()).state).toBe('done')
})

test('generated tales come besides the scenarios, with calls of known tools, told as the base is told', async () => {
  await writeFile(join(base, 'chat_template.jinja'), gemma)
  const without = await check({ data: '{ augment: 0, practice: 0 }' })
  const { train, result } = await check({ data: '{ augment: 0, practice: 20 }' })
  expect(result).toMatchObject({ conversations: without.result.conversations, practised: 20 })
  const tales = train.filter(({ source }) => typeof source === 'string' && source.startsWith('practice'))
  expect(tales).toHaveLength(20)
  expect(tales.flatMap(({ messages }) => messages.filter(({ role }) => role === 'tool'))).toEqual([])
  const items = toolCallItems(tales, defaultTools)
  expect(items.filter(({ expected }) => expected.length > 0).length).toBeGreaterThan(80)
})

/** Changes a file below the project. */
async function edit(file: string, from: string, to: string) {
  const text = await readFile(join(game, file), 'utf8')
  expect(text).toContain(from)
  await writeFile(join(game, file), text.replace(from, to))
}

test('what is prose to the checks is prose to the measuring', async () => {
  const signs = 'The tide board reads [Day 3 — dusk: rain], and below it ["Warning": keep out].'
  await edit('held-out/mine.md', '*SUCCESS* Two', `*SUCCESS* ${signs} Two`)
  expect((await check()).codes).toEqual([])
  const piece = fc.constantFrom(
    ...['[', ']', ':', ',', '(', '"', '“', '”', '—', '-', '\u2011', ' ', '\n', '`', "'", 'a', '7', '.', 'É'],
    ...['roll', 'Health', 'begin combat', 'Mira', '-4', 'Day 3'],
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const text = pieces.join('')
      const known = new Set([...defaultTools, ...parseCalls(text)].map(({ name }) => name))
      for (const { name } of parseToolCalls(text, { tools: defaultTools })) expect(known).toContain(name)
    }),
    { numRuns: 2000 },
  )
})

test('the command that mends names the folder of the mistake and the tools, so that it can be pasted', async () => {
  await rename(join(game, 'held-out'), join(game, 'held out'))
  await edit('held out/mine.md', '15/15', '28/15')
  const tools = [...defaultTools, { name: 'weather', description: '', arguments: [{ name: 'kind', kind: 'text' }] }]
  await writeFile(join(game, 'tools.json'), JSON.stringify(tools))
  const wrong = check({ data: '{ heldOut: held out, tools: tools.json }' })
  await expect(wrong).rejects.toMatchObject({
    code: 'PIPELINE_DATA_INVALID',
    where: { file: join(game, 'held out/mine.md') },
    actions: [
      {},
      { command: `npx qt data fix '${join(game, 'held out')}' --tools '${join(game, 'tools.json')}'` },
      { label: expect.stringContaining('--skip-invalid') },
    ],
  })
})

test('no command is offered where code can mend nothing', async () => {
  await writeFile(join(game, 'scenarios/utf16.md'), Buffer.from('\ufeff<User>Hi.</User>\n', 'utf16le'))
  const error: unknown = await check().catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'PIPELINE_DATA_INVALID', actions: [{ label: 'Save it as UTF-8.' }, {}] })
  expect(JSON.stringify(error)).not.toContain('data fix')
})

test('without a folder held-out nothing is measured, with a warning; one that is named must be there', async () => {
  await rm(join(game, 'held-out'), { recursive: true })
  const none = await check()
  expect([none.codes, none.heldOut, none.result]).toMatchObject([['nothing-held-out'], [], { heldOut: 0, overlap: null }])
  await mkdir(join(game, 'held-out'))
  expect((await check()).codes).toEqual(['nothing-held-out'])
  expect((await check({ data: '{ heldOut: null }' })).codes).toEqual([])
  for (const path of ['held-out', 'nowhere'])
    await expect(check({ data: `{ heldOut: ${path} }` })).rejects.toMatchObject({
      code: 'DATA_NOT_FOUND',
      where: { field: 'data.heldOut' },
      actions: [{}, { label: expect.stringContaining('heldOut: null') }],
    })
})

test('paths may be absolute', async () => {
  for (const name of ['scenarios', 'held-out']) await rename(join(game, name), join(root, name))
  const { result, augment } = await check({ data: `{ scenarios: "${root}/scenarios", heldOut: "${root}/held-out" }` })
  expect([result.scenarios, result.heldOut, augment]).toEqual([2, 1, 32])
})

test('held-out scenarios inside the folder of the others are left out, with one warning', async () => {
  await rename(join(game, 'held-out'), join(game, 'scenarios/held-out'))
  const { result, codes, augment } = await check({ data: '{ heldOut: scenarios/held-out }' })
  expect([result.scenarios, result.heldOut, codes]).toEqual([2, 1, ['held-out-inside']])
  expect(augment).toBe(32)
})

test('a folder that cannot be read does not stop what leaves out the invalid', async () => {
  // Deeper than any path may be, which stops the super-user too.
  const dig = "for (let i = 0; i < 20; i++) { require('fs').mkdirSync('x'.repeat(250)); process.chdir('x'.repeat(250)) }"
  execFileSync(process.execPath, ['-e', dig], { cwd: join(game, 'scenarios') })
  await expect(check({ data: '{}' })).rejects.toMatchObject({ code: 'PIPELINE_DATA_INVALID' })
  const { result, codes } = await check({ data: '{}', skipInvalid: true })
  expect([result.scenarios, codes]).toEqual([2, ['unreadable']])
})

test('warnings are told again when nothing has changed', async () => {
  await cp(join(game, 'scenarios/combat/bridge.md'), join(game, 'scenarios/combat/again.md'))
  expect((await check()).codes).toEqual(['copied-scenario'])
  const { state, codes, result } = await check()
  expect([state, codes, result.warnings]).toEqual(['reused', ['copied-scenario'], 1])
})

test('a model in a folder is as large as its weights', async () => {
  const file = await readFile(join(base, 'model.safetensors'))
  // A length and the header come before the weights.
  expect(await sizeOf(base)).toBe(file.length - 8 - Number(file.readBigUInt64LE(0)))
  expect(await sizeOf(join(base, 'model.safetensors'))).toBe(file.length)
})
