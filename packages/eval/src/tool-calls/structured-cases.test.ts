import { expect, test, vi } from 'vitest'
import { scriptedModel } from '../../test/scripted-model.js'
import { runSuites } from '../run/run-suites.js'
import { type CallingConversation, structuredCases } from './structured-cases.js'
import { structuredToolSuite } from './tool-suites.js'

// On a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const tools = [
  { name: 'roll', parameters: { type: 'object', properties: { skill: { type: 'string' } } } },
  { name: 'health', parameters: { type: 'object', properties: { who: { type: 'string' }, amount: { type: 'integer' } } } },
]
const conversation: CallingConversation = {
  id: 'cave',
  tools,
  messages: [
    { role: 'assistant', content: 'Welcome.' },
    { role: 'user', content: 'I sneak past.' },
    { role: 'assistant', content: '', toolCalls: [{ name: 'roll', arguments: { skill: 'stealth' } }] },
    { role: 'tool', content: '17' },
    { role: 'assistant', content: 'Nobody hears you.' },
    { role: 'user', content: 'The goblin hits Mira for 4.' },
    { role: 'assistant', content: '', toolCalls: [{ name: 'health', arguments: { who: 'Mira', amount: -4 } }] },
  ],
}

test('every turn of the assistant with something before it is a case, with the tools of its conversation', () => {
  expect(structuredCases([conversation, { messages: conversation.messages }])).toMatchObject([
    { id: 'cave#2', expected: [{ name: 'roll' }], tools },
    { id: 'cave#4', expected: [] },
    { id: 'cave#6', expected: [{ name: 'health' }] },
  ])
  expect(() => structuredCases([{ ...conversation, tools: [tools[0]!] }])).toThrow(
    expect.objectContaining({ code: 'EVAL_TOOL_UNDECLARED', where: { file: 'cave', field: 'messages[6].toolCalls' } }),
  )
})

test('the suite measures calls in any form, by tool, and fills the confusion table', async () => {
  const hermes = (name: string, given: object) => `<tool_call>\n${JSON.stringify({ name, arguments: given })}\n</tool_call>`
  const model = scriptedModel(({ role, content }) =>
    role === 'tool'
      ? 'Nobody hears you.'
      : content.includes('sneak')
        ? hermes('roll', { skill: 'Stealth' })
        : hermes('heal', { who: 'Mira' }),
  )
  const { suites } = await runSuites(model, [structuredToolSuite(structuredCases([conversation]))])
  const value = (name: string) => suites[0]!.metrics.find((metric) => metric.name === name)!.value
  expect([
    value('right'),
    value('needed'),
    value('not_needed'),
    value('tool roll'),
    value('tool health'),
    value('invented'),
  ]).toEqual([2 / 3, 0.5, 1, 1, 0, 0.5])
  expect(suites[0]!.items.map(({ confusion }) => confusion)).toEqual([
    [['roll', 'roll']],
    [['none', 'none']],
    [['health', 'heal']],
  ])
})
