import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { qt } from './qt.js'

// Processes on a busy machine.
vi.setConfig({ testTimeout: 120_000 })

const scenario = fileURLToPath(new URL('../../../examples/dungeon-master/scenarios/combat/bridge-at-dusk.md', import.meta.url))
let folder = ''
let file = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-records-'))
  file = join(folder, 'rules.csv')
  await writeFile(file, 'Instruction,Output\n"Add 2, and 2",2 + 2 = 5\nName the sea,\nWho are you?,A helper\n')
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('validate names file, line and field of records, writes a report, and exits with 1', async () => {
  const report = join(folder, 'report.html')
  const { code, stdout } = await qt(['data', 'validate', file, '--report', report])
  expect(code).toBe(1)
  expect(stdout).toContain(`${file}:2 output  "2 + 2 = 5" does not add up.  It is 4; check what follows from it.\n`)
  expect(stdout).toContain(`${file}:3 output  There is no answer to learn from.`)
  expect(stdout).toContain('3 examples (alpaca 3): 2 errors, 0 warnings.\n')
  expect(await readFile(report, 'utf8')).toContain('does not add up')
  expect((await qt(['data', 'validate', file, '--ignore', 'arithmetic', '--ignore', 'missing-output'])).code).toBe(0)
})

test('parse brings records to one form, fix and drop leave the sound ones', async () => {
  const { stdout } = await qt(['data', 'parse', file, '--json'])
  expect(JSON.parse(stdout)[2]).toEqual({
    messages: [
      { role: 'user', content: 'Who are you?' },
      { role: 'assistant', content: 'A helper' },
    ],
  })
  const out = join(folder, 'clean.jsonl')
  const fixed = await qt(['data', 'fix', file, '--drop', '--out', out, '--json'])
  expect(JSON.parse(fixed.stdout)).toMatchObject({ examples: 3, fixed: 1, dropped: 1, left: 0 })
  expect((await readFile(out, 'utf8')).split('\n')[0]).toBe('{"instruction":"Add 2, and 2","output":"2 + 2 = 4"}')
})

test('fix keeps files apart, goes on after one that it cannot correct, and says which flags do nothing', async () => {
  const many = join(folder, 'two')
  await mkdir(many)
  await writeFile(join(many, 'a.jsonl'), Buffer.from('{"text": "caf\u00e9"}', 'latin1'))
  await writeFile(join(many, 'b.jsonl'), '{"prompt": "Add them", "completion": "2 + 2 = 5"}')
  const refused = await qt(['data', 'fix', many, '--out', join(folder, 'one.jsonl')])
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('takes the records of one file')])
  const { code, stdout } = await qt(['data', 'fix', many])
  expect([code, stdout]).toEqual([0, expect.stringContaining(`left: ${join(many, 'a.jsonl')}`)])
  expect(await readFile(join(many, 'b.jsonl'), 'utf8')).toContain('2 + 2 = 4')
  for (const args of [
    ['validate', scenario, '--report', 'report.html'],
    ['fix', scenario, '--out', 'fixed.md'],
    ['validate', file, '--tools', 'tools.json'],
  ]) {
    const { code, stderr } = await qt(['data', ...args])
    expect([code, stderr]).toEqual([2, expect.stringContaining('does nothing for')])
  }
})

test('dedup and split write what they say', async () => {
  const many = join(folder, 'many.jsonl')
  const line = (i: number, end: string) =>
    JSON.stringify({ prompt: Array.from({ length: 30 }, (_, j) => `word${i}x${j}`).join(' '), completion: end })
  await writeFile(many, Array.from({ length: 20 }, (_, i) => line(i >> 1, i % 2 === 0 ? 'yes' : 'no')).join('\n'))
  const unique = join(folder, 'unique.jsonl')
  const dedup = await qt(['data', 'dedup', many, '--out', unique, '--json'])
  expect(JSON.parse(dedup.stdout)).toMatchObject({ records: 20, kept: 10, removed: 10 })
  const split = await qt(['data', 'split', many, '--out', join(folder, 'split'), '--validation', '0.2', '--json'])
  expect(JSON.parse(split.stdout)).toMatchObject({ parts: { train: 16, validation: 4 }, together: { groups: 10, records: 20 } })
})
