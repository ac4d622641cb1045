import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { byteTokenizer } from '../test/byte-tokenizer.js'
import { previewExamples, previewHtml } from './preview-examples.js'
import { indexScenarios } from './scenario/index-scenarios.js'

vi.setConfig({ testTimeout: 600_000 })

const scenarios = fileURLToPath(new URL('../../../examples/dungeon-master/scenarios/combat', import.meta.url))
let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-preview-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('the whole rendered text is shown, and only what the assistant says is trained on', async () => {
  const file = join(folder, 'chats.jsonl')
  const messages = [
    { role: 'user', content: 'Grüß <b>dich</b>' },
    { role: 'assistant', content: 'Hallo 🎲' },
  ]
  await writeFile(
    file,
    `${JSON.stringify({ messages })}\n${JSON.stringify({ messages: [] })}\n${JSON.stringify({ text: 'last' })}\n`,
  )
  const tokenizer = byteTokenizer()
  const shown = []
  for await (const example of previewExamples(file, tokenizer, { limit: 2 })) shown.push(example)
  expect(shown).toHaveLength(2)
  const [chat, empty] = shown
  const trained = chat!.spans.filter((span) => span.trained).map(({ text }) => text)
  expect(trained.join('')).toContain('Hallo 🎲')
  expect(trained.join('')).not.toContain('dich')
  expect(chat!.spans.map(({ text }) => text).join('')).toContain('Grüß <b>dich</b>')
  expect(chat!.trained).toBeLessThan(chat!.tokens)
  expect(empty!.problem).toBeDefined()
  const html = previewHtml(shown)
  expect(html).toContain('<mark>Hallo 🎲')
  expect(html).toContain('Grüß &#60;b&#62;dich')
  const later = []
  for await (const example of previewExamples(file, tokenizer, { from: 2 })) later.push(example.where.line)
  expect(later).toEqual([3])
})

test('an index is brought up to date by reading only what changed', async () => {
  const dir = join(folder, 'scenarios')
  await cp(scenarios, join(dir, 'combat'), { recursive: true })
  const first = await indexScenarios(dir)
  expect(first.scenarios.length).toBeGreaterThan(5)
  expect(first.added).toHaveLength(first.scenarios.length)
  const [entry] = first.scenarios
  expect(entry).toMatchObject({ category: 'combat', errors: 0, file: expect.stringMatching(/^combat\//) })
  expect(entry!.party[0]).toMatchObject({ name: expect.any(String), level: expect.any(Number) })
  expect(entry!.turns.dm).toBeGreaterThan(0)

  const second = await indexScenarios(dir)
  expect(second).toMatchObject({ added: [], changed: [], removed: [], kept: first.scenarios.length })
  expect(second.scenarios).toEqual(first.scenarios)

  const path = join(dir, entry!.file)
  await writeFile(path, (await readFile(path, 'utf8')).replace('<DM>', '<DM>\nOnce more. '))
  await rm(join(dir, first.scenarios[1]!.file))
  await writeFile(
    join(dir, 'combat/new.md'),
    '<SYSTEM>\n# Role\nYou are the DM.\n</SYSTEM>\n<User>I look.</User>\n<DM>Dust.</DM>\n',
  )
  const third = await indexScenarios(dir)
  expect(third).toMatchObject({ added: ['combat/new.md'], changed: [entry!.file], removed: [first.scenarios[1]!.file] })
  expect(third.kept).toBe(first.scenarios.length - 2)

  // Another tokenizer, or a file that is cut off, make it anew.
  const counted = await indexScenarios(dir, { tokenizer: byteTokenizer() })
  expect(counted.kept).toBe(0)
  expect(counted.scenarios[0]!.tokens!.total).toBeGreaterThan(counted.scenarios[0]!.tokens!.trainable)
  await writeFile(counted.file, '{"version": 1, "scen')
  expect((await indexScenarios(dir)).kept).toBe(0)
})
