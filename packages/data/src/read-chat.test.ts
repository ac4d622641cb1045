import { QtError } from '@qt/core'
import { expect, test } from 'vitest'
import { readChat } from './read-chat.js'

const where = { file: 'chats.jsonl', line: 7 }
const read = (value: Record<string, unknown>) => readChat({ value, where })

test("reads OpenAI's shape with tools, calls, parts and weights", () => {
  expect(
    read({
      messages: [
        { role: 'developer', content: 'Be brief.' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Roll ' },
            { type: 'text', text: 'it' },
          ],
        },
        {
          role: 'assistant',
          content: null,
          weight: 0,
          tool_calls: [{ id: 'c1', type: 'function', function: { name: 'roll', arguments: '{"sides":6}' } }],
        },
        { role: 'tool', content: '5', tool_call_id: 'c1' },
        { role: 'assistant', content: 'Five.' },
      ],
      tools: [{ type: 'function', function: { name: 'roll', description: 'A die.', parameters: { type: 'object' } } }],
    }),
  ).toEqual({
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Roll it' },
      { role: 'assistant', content: '', weight: 0, toolCalls: [{ id: 'c1', name: 'roll', arguments: { sides: 6 } }] },
      { role: 'tool', content: '5', toolCallId: 'c1' },
      { role: 'assistant', content: 'Five.' },
    ],
    tools: [{ name: 'roll', description: 'A die.', parameters: { type: 'object' } }],
  })
})

test("reads ShareGPT's shape, with its system line, calls and observations", () => {
  expect(
    read({
      system: 'Be brief.',
      tools: '[{"name": "roll"}]',
      conversations: [
        { from: 'human', value: 'Roll' },
        { from: 'function_call', value: '{"name": "roll", "arguments": {"sides": 6}}' },
        { from: 'observation', value: '5' },
        { from: 'gpt', value: 'Five.' },
      ],
    }),
  ).toEqual({
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Roll' },
      { role: 'assistant', content: '', toolCalls: [{ name: 'roll', arguments: { sides: 6 } }] },
      { role: 'tool', content: '5' },
      { role: 'assistant', content: 'Five.' },
    ],
    tools: [{ name: 'roll' }],
  })
})

test.each([
  [{}, 'messages'],
  [{ messages: ['hi'] }, 'messages[0]'],
  [{ messages: [{ role: 'user' }] }, 'messages[0].content'],
  [{ messages: [{ role: 'bard', content: '' }] }, 'messages[0].role'],
  [{ conversations: [{ from: 'bard', value: '' }] }, 'conversations[0].from'],
  [{ messages: [{ role: 'assistant', tool_calls: [{ function: {} }] }] }, 'messages[0].tool_calls[0]'],
  [{ messages: [{ role: 'assistant', content: '', weight: 0.5 }] }, 'messages[0].weight'],
  [{ messages: [{ role: 'assistant', content: 'Hi', learn: [[0, 3]] }] }, 'messages[0].learn'],
  [{ messages: [{ role: 'assistant', content: 'Hi', learn: [[2, 1]] }] }, 'messages[0].learn'],
  [{ messages: [{ role: 'assistant', content: 'Hi', learn: 'all' }] }, 'messages[0].learn'],
  [{ messages: [{ role: 'user', content: '' }], tools: [{}] }, 'tools[0]'],
  [{ messages: [{ role: 'user', content: '' }], tools: 'hammer' }, 'tools'],
])('names the field that is wrong in %j', (value, field) => {
  let thrown: unknown
  try {
    read(value)
  } catch (error) {
    thrown = error
  }
  expect(QtError.isInstance(thrown) && thrown.where).toEqual({ ...where, field })
})
