import fc from 'fast-check'
import { expect, test } from 'vitest'
import { recordsOf } from '../test/record-arbitrary.js'
import { checkRecord } from './checks/check-record.js'
import { viewRecord } from './checks/record-view.js'
import { standardise, toRecord } from './standardise.js'

const standard = (value: Readonly<Record<string, unknown>>) => standardise({ value, where: {} })
const { tokens: _, ...others } = recordsOf

test.each(Object.entries(others))('a record of %s in the one form comes back from its line of JSON', (_layout, records) => {
  fc.assert(
    fc.property(records, (value) => {
      const example = standard(value)
      expect(standard(JSON.parse(JSON.stringify(toRecord(example))))).toEqual(example)
    }),
    { numRuns: 50, seed: 1 },
  )
})

test('calls, tools, weights and what a record says besides are kept', () => {
  const value = {
    id: 7,
    constructor: 'kept',
    tools: JSON.stringify([{ name: 'roll', parameters: { type: 'object' } }]),
    conversations: [
      { from: 'human', value: 'I look' },
      { from: 'function_call', value: '{"name": "roll", "arguments": {"skill": "stealth"}}' },
      { from: 'observation', value: '12' },
      { from: 'gpt', value: 'You see it.', weight: 0 },
    ],
  }
  expect(standard(value)).toEqual({
    kind: 'chat',
    id: '7',
    metadata: { constructor: 'kept' },
    tools: [{ name: 'roll', parameters: { type: 'object' } }],
    messages: [
      { role: 'user', content: 'I look' },
      { role: 'assistant', content: '', toolCalls: [{ name: 'roll', arguments: { skill: 'stealth' } }] },
      { role: 'tool', content: '12' },
      { role: 'assistant', content: 'You see it.', weight: 0 },
    ],
  })
})

test('a pair gets its system prompt and its input, and needs no prompt', () => {
  expect(standard({ system: 'Be kind', instruction: 'Sum up', input: 'A text', chosen: 'Good', rejected: 'Bad' })).toEqual({
    kind: 'preference',
    prompt: [
      { role: 'system', content: 'Be kind' },
      { role: 'user', content: 'Sum up\n\nA text' },
    ],
    chosen: [{ role: 'assistant', content: 'Good' }],
    rejected: [{ role: 'assistant', content: 'Bad' }],
  })
  const bare = standard({ chosen: 'Good', rejected: 'Bad' })
  expect(standard(toRecord(bare))).toEqual(bare)
})

test('token ids and records of no known shape are errors with their place', () => {
  expect(() => standard({ input_ids: [1] })).toThrow(expect.objectContaining({ code: 'DATA_FORMAT_UNSUPPORTED' }))
  expect(() => standardise({ value: { a: 1 }, where: { file: 'a.jsonl', line: 3 } })).toThrow(
    expect.objectContaining({ code: 'DATA_RECORD_UNKNOWN', where: { file: 'a.jsonl', line: 3 } }),
  )
})

test('the parts of a message that are trained on are kept', () => {
  const value = {
    messages: [
      { role: 'user', content: 'Roll' },
      { role: 'assistant', content: 'Two [roll].', learn: [[0, 3]] },
    ],
  }
  expect(toRecord(standard(value))).toEqual(value)
})

test('a preference pair keeps its tools, and the conversation before its answers', () => {
  const given = {
    messages: [{ role: 'user', content: 'Hit it' }],
    chosen: '[roll: 1d20]',
    rejected: 'No',
    tools: [{ type: 'function', function: { name: 'roll' } }],
  }
  const pair = standardise({ value: given, where: {} })
  expect(pair).toEqual({
    kind: 'preference',
    prompt: given.messages,
    chosen: [{ role: 'assistant', content: '[roll: 1d20]' }],
    rejected: [{ role: 'assistant', content: 'No' }],
    tools: [{ name: 'roll' }],
  })
  expect(standardise({ value: toRecord(pair), where: {} })).toEqual(pair)
})

test.each<[string, { readonly [key: string]: unknown }, readonly string[]]>([
  ['its number', { conversation: 'abc-12' }, []],
  ['nothing', { messages: null }, []],
  ['a list of something else', { conversations: [{ input: 'q', output: 'x' }] }, []],
  ['a prompt, and the conversation that it is of', { prompt: 'p', messages: [{ role: 'user', content: 'q' }] }, ['p']],
  ['messages', { messages: [{ role: 'user', content: 'q' }] }, ['q']],
  [
    'messages that end with the answer',
    {
      messages: [
        { role: 'user', content: 'q' },
        { role: 'assistant', content: 'x' },
      ],
    },
    ['q'],
  ],
  [
    'turns of ShareGPT that end with the other answer',
    {
      conversations: [
        { from: 'human', value: 'q' },
        { from: 'gpt', value: 'y' },
      ],
    },
    ['q'],
  ],
  [
    'messages that end with another answer',
    {
      messages: [
        { role: 'user', content: 'q' },
        { role: 'assistant', content: 'z' },
      ],
    },
    ['q', 'z'],
  ],
])('beside preference pairs only a conversation of messages is their prompt: %s', (_, beside, prompt) => {
  const value = { chosen: 'x', rejected: 'y', ...beside }
  const pair = standardise({ value, where: {} })
  expect(pair.kind === 'preference' && pair.prompt.map(({ content }) => content)).toEqual(prompt)
  // What is no prompt is kept as what a record says besides.
  const kept = prompt.length === 0 && Object.values(beside)[0] !== null
  expect(pair.metadata).toEqual(kept ? beside : 'prompt' in beside ? { messages: beside.messages } : undefined)
  const findings: unknown[] = []
  const { messages } = viewRecord(value, 'preference', (problem) => findings.push(problem))
  expect([messages.map(({ text }) => text), findings]).toEqual([[...prompt, 'x'], []])
})

test('the prompt of a pair can be messages in a cell', () => {
  const said = (role: string, content: string) => [{ role, content }]
  const [prompt, chosen, rejected] = [said('user', 'q'), said('assistant', 'x'), said('assistant', 'y')]
  const value = { prompt: JSON.stringify(prompt), chosen: JSON.stringify(chosen), rejected: JSON.stringify(rejected) }
  expect(standard(value)).toEqual({ kind: 'preference', prompt, chosen, rejected })
  expect(standard({ ...value, chosen: 'x' })).toMatchObject({ prompt: said('user', value.prompt) })
})

test('a pair whose answers begin with the prompt is not reported for what stands beside it', () => {
  const side = (content: string) => [
    { role: 'user', content: 'q' },
    { role: 'assistant', content },
  ]
  const value = { chosen: side('x'), rejected: side('y'), conversation: [{ input: 'q', output: 'x' }] }
  expect(checkRecord(value, {}, {}).findings).toEqual([])
})
