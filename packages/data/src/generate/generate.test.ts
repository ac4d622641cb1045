import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { measureDiversity } from '../quality/diversity.js'
import { qualityReport } from '../quality/quality-report.js'
import { readChat } from '../read-chat.js'
import { recordText } from '../record-text.js'
import { validateDataset } from '../validate-dataset.js'
import { evaluate, parseExpression } from './expression.js'
import { generateDataset } from './generate-dataset.js'
import { countsOf, generateExamples } from './generate-examples.js'
import { loadTemplates } from './load-templates.js'
import { parseTemplateText, renderText } from './template-text.js'

vi.setConfig({ testTimeout: 600_000 })

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-generate-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const values: Readonly<Record<string, unknown>> = {
  n: 4,
  name: 'fast lane',
  tool: { call: 'search' },
  tags: ['a', 'b'],
  none: '',
}
const lookup = ([name = '', field]: readonly string[]): unknown => {
  const value = values[name]
  return field === undefined ? value : (value as Record<string, unknown>)[field]
}
const render = (text: string, random = 0): string => renderText(parseTemplateText(text), { lookup, random: () => random })

test('conditions compare, combine and look into lists', () => {
  const is = (source: string): unknown => evaluate(parseExpression(source), lookup)
  expect(is("n > 3 and tool.call == 'search'")).toBe(true)
  expect(is('not none and (n < 3 or n == "4")')).toBe(true)
  expect(is("'b' in tags and name in ['x', 'fast lane']")).toBe(true)
  expect(is("n != 4 or 'lane' in name")).toBe(true)
  for (const wrong of ['n >', '(n', 'n n', '== 3', "'open", 'n in [1', '#'])
    expect(() => parseExpression(wrong), wrong).toThrow(SyntaxError)
})

test('texts have slots with filters, choices by weight and conditions', () => {
  expect(render('{{name}} {{name | pascal}} {{name | kebab | upper}} {{tags}} {{"{{"}}')).toBe(
    'fast lane FastLane FAST-LANE a, b {{',
  )
  expect(render('{{one of: x * 3 | <name>!}}', 0.74)).toBe('x')
  expect(render('{{one of: x * 3 | <name>!}}', 0.76)).toBe('fast lane!')
  const branches = '{{if n < 2}}few{{else if n == 4}}{{if none}}no{{else}}four{{end}}{{else}}many{{end}}.'
  expect(render(branches)).toBe('four.')
  for (const wrong of ['{{if n}}x', 'x{{end}}', '{{name | shout}}', '{{name', '{{if n}}a{{else}}b{{else}}c{{end}}'])
    expect(() => parseTemplateText(wrong), wrong).toThrow(SyntaxError)
})

test('reading a template never fails in another way than by saying so', () => {
  const piece = fc.constantFrom(
    '{{',
    '}}',
    'if n',
    'else',
    'end',
    'one of:',
    '|',
    '<n>',
    '"',
    "'",
    '* 2',
    'n',
    ' ',
    '(',
    ')',
    'ä',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 25 }), (pieces) => {
      try {
        render(pieces.join(''))
      } catch (error) {
        // A name that is not there is the caller's matter.
        if (!(error instanceof SyntaxError) && !(error instanceof TypeError)) throw error
      }
    }),
  )
})

test('a mistake in a file of templates is told with its line', async () => {
  const file = join(folder, 'wrong.yaml')
  await writeFile(file, 'templates:\n  - id: a\n    require: "x =="\n    example: { text: "{{x}}" }\n')
  await expect(loadTemplates(file)).rejects.toMatchObject({ code: 'TEMPLATE_INVALID', where: { file, line: 3 } })
  await writeFile(file, 'templates:\n  - id: a\n    example: { text: "{{y}}" }\n    slots: { x: [1] }\n')
  const set = await loadTemplates(file)
  expect(() => [...generateExamples(set, { size: 1 })]).toThrow('There is no slot "y", in the template "a".')
  await writeFile(file, 'templates:\n  - id: a\n    example: { text: "{{x}}" }\n    slots: { x: "{{y}}", y: "{{x}}" }\n')
  const circle = await loadTemplates(file)
  expect(() => [...generateExamples(circle, { size: 1 })]).toThrow('refer to each other in a circle')
  await expect(loadTemplates(join(folder, 'nothing'))).rejects.toMatchObject({ code: 'TEMPLATE_MISSING' })
})

test('slots refer to each other, constraints hold, lists and conditions shape the record', async () => {
  const file = join(folder, 'dialogue.yaml')
  await writeFile(
    file,
    `slots:
  place: [{ name: cellar, dark: true }, { name: meadow, dark: false }]
  item: ["torch of the {{place.name}}", rope, { value: lamp, weight: 5, when: place.dark }]
  level: { from: 1, to: 20 }
  things: { pick: { from: 2, to: 3 }, of: [bread, wine, map, key] }
templates:
  - id: find
    require: [level > 4, "item != 'rope' or not place.dark"]
    example:
      place: "{{place}}"
      level: "{{level}}"
      text: "At level {{level}} I find {{item}} in the {{place.name}}{{if place.dark}}, in the dark{{end}}, and {{things}}."
      notes: ["{{things}}", "{{if place.dark}}dark{{end}}", { when: level > 10, value: high }]
      boss: { when: level > 15, value: yes }
`,
  )
  const set = await loadTemplates(file)
  // Whatever the similarity, the same words are never made twice.
  const made = [...generateExamples(set, { size: 40, similarity: 1 })].map(({ value }) => value)
  expect(made).toHaveLength(40)
  for (const value of made) {
    const { place, level, text, notes, boss } = value as {
      place: { name: string; dark: boolean }
      level: number
      text: string
      notes: string[]
      boss?: string
    }
    expect(level).toBeGreaterThan(4)
    expect(text.includes('in the dark')).toBe(place.dark)
    expect(text).not.toMatch(place.dark ? /rope/ : /lamp/)
    if (text.includes('torch')) expect(text).toContain(`torch of the ${place.name}`)
    expect(notes.includes('high')).toBe(level > 10)
    expect(boss === undefined).toBe(level <= 15)
    expect(value.provenance).toMatchObject({ by: 'template', template: 'find', seed: 1, version: set.version })
  }
  expect([...generateExamples(set, { size: 3 })]).toEqual([...generateExamples(set, { size: 3 })])
  expect([...generateExamples(set, { size: 3, seed: 2 })]).not.toEqual([...generateExamples(set, { size: 3 })])
  await writeFile(file, 'templates:\n  - { id: one, example: { text: always the same words } }\n')
  const single = await loadTemplates(file)
  expect(() => [...generateExamples(single, { size: 2 })]).toThrow('give 1 different examples, not 2')
})

test('the six categories of rules make a full set within its ranges, valid, and no two alike', async () => {
  const out = join(folder, 'rules.jsonl')
  const set = await loadTemplates('coding-rules')
  const ranges = Object.values(set.categories)
  expect([ranges.reduce((sum, { from }) => sum + from, 0), ranges.reduce((sum, { to }) => sum + to, 0)]).toEqual([1200, 2900])
  const counts = countsOf(set, {})
  for (const [name, { from, to }] of Object.entries(set.categories))
    expect(counts[name]! >= from && counts[name]! <= to, name).toBe(true)
  expect(Object.values(countsOf(set, { size: 4999 })).reduce((sum, count) => sum + count, 0)).toBe(4999)

  const result = await generateDataset('coding-rules', { out, size: 400 })
  expect(result.records).toBe(400)
  expect(Object.keys(result.categories)).toHaveLength(6)
  const records = (await readFile(out, 'utf8'))
    .trim()
    .split('\n')
    .map((line): Record<string, unknown> => JSON.parse(line))
  const report = await validateDataset(out)
  expect([report.errors, report.warnings]).toEqual([0, 0])
  expect(report.layouts).toMatchObject({ 'structured-instruction': expect.any(Number) })
  const diversity = measureDiversity(records.map((value) => recordText({ value, where: {} })))
  expect(diversity.openings[0]!.share).toBeLessThan(0.06)
  expect(JSON.stringify(records)).not.toMatch(/\{\{|\[object|undefined/)
})

test('the tools of an agent: memory over MCP, one call, and plans, valid, no two alike, each with where it comes from', async () => {
  const out = join(folder, 'agent.jsonl')
  await generateDataset('agent-tools', { out, size: 320 })
  const report = await validateDataset(out)
  expect([report.errors, report.warnings]).toEqual([0, 0])
  const text = await readFile(out, 'utf8')
  expect(text).not.toMatch(/\{\{|\[object|undefined/)
  const records = text
    .trim()
    .split('\n')
    .map((line): Record<string, unknown> => JSON.parse(line))
  for (const value of records) expect(value.provenance).toMatchObject({ by: 'template', set: 'agent-tools' })
  const called = new Map<string, number>()
  for (const record of records)
    for (const { toolCalls = [] } of readChat({ value: record, where: {} }).messages)
      for (const { name } of toolCalls) called.set(name, (called.get(name) ?? 0) + 1)
  for (const name of ['memory_store', 'memory_search', 'memory_update', 'read_file', 'run_shell'])
    expect(called.get(name), name).toBeGreaterThan(5)
  // What is strict is never updated.
  for (const line of text.split('\n'))
    if (line.includes('\\"preservation_level\\": \\"strict')) expect(line).not.toContain('"name":"memory_update","arguments"')
  const { categories } = await loadTemplates('agent-tools')
  const quality = await qualityReport(out, { categories })
  expect(quality.checks.filter(({ passed }) => !passed)).toEqual([])
})

test('a list within a list stays one', async () => {
  const file = join(folder, 'nested.yaml')
  await writeFile(
    file,
    'slots:\n  to: [5]\n  all: { pick: 2, of: [x, y] }\ntemplates:\n  - id: a\n    example: { text: "{{to}}", learn: [[0, "{{to}}"], [7, 9]], all: ["{{all}}"] }\n',
  )
  const [made] = [...generateExamples(await loadTemplates(file), { size: 1 })]
  expect(made?.value.learn).toEqual([
    [0, 5],
    [7, 9],
  ])
  expect(made?.value.all).toHaveLength(2)
})
