import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { evaluate } from './checks/check-arithmetic.js'
import { checkRecord } from './checks/check-record.js'
import { fixDataset } from './fix-dataset.js'
import { languageOf } from './language-of.js'
import { validateDataset } from './validate-dataset.js'

// Other work may share the machine.
vi.setConfig({ testTimeout: 120_000 })

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-validate-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const chat = (...turns: readonly (readonly [string, string])[]) => ({
  messages: turns.map(([role, content]) => ({ role, content })),
})
const asked = (question: string, answer: string) => chat(['user', question], ['assistant', answer])
const found = (value: Record<string, unknown>, options = {}) =>
  checkRecord(value, { file: 'a.jsonl', line: 7 }, options).findings.map(({ code, field }) => (field ? `${code} ${field}` : code))

const call = (name: string, given: unknown) => ({ id: 'c1', type: 'function', function: { name, arguments: given } })
const tools = [{ type: 'function', function: { name: 'roll', parameters: { type: 'object', required: ['skill'] } } }]

test.each<[string, Record<string, unknown>, string[]]>([
  ['sound', asked('What is the capital of France?', 'Paris.'), []],
  ['a misspelt role', chat(['usr', 'Hi'], ['assistant', 'Hello']), ['wrong-role messages[0].role']],
  ['an empty answer', asked('Hi', ' '), ['empty-turn messages[1].content']],
  ['no answer', chat(['user', 'Hi']), ['missing-output messages']],
  ['no output', { instruction: 'Add', input: '', output: '' }, ['missing-output output']],
  [
    'messages that are answered by messages',
    { prompt: asked('Hi', 'Hello').messages.slice(0, 1), completion: asked('Hi', 'Hello').messages.slice(1) },
    [],
  ],
  ['an output that is no text', { instruction: 'Add', output: 4 }, ['not-text output']],
  ['two users in a row', chat(['user', 'Hi'], ['user', 'You?'], ['assistant', 'Yes']), ['role-order messages[1].content']],
  [
    'a late system prompt',
    chat(['user', 'Hi'], ['system', 'Be kind'], ['assistant', 'Yes']),
    ['system-late messages[1].content'],
  ],
  ['mojibake', asked('Hi', 'The cafÃ© is open'), ['mojibake messages[1].content']],
  ['a lost character', asked('Hi', 'The caf\ufffd is open'), ['lost-character messages[1].content']],
  ['half a character', asked('Hi', 'A \ud83d here'), ['half-character messages[1].content']],
  ['a special token', asked('Hi', 'Yes<|im_end|>'), ['special-token messages[1].content']],
  ['HTML that is no token', asked('Hi', 'Write <s>old</s> price'), []],
  [
    'the question again',
    asked('What is the capital of France?', 'what is the capital of france'),
    ['repeats-question messages[1].content'],
  ],
  ['a wrong sum', asked('Add them up', 'So 12 + 30 = 43 in all.'), ['arithmetic messages[1].content']],
  [
    'right sums',
    asked('Add them up', '12 + 30 = 42, 10 / 4 = 2.5, 2 x 3 = 6, 1,000 + 500 = 1,500, 10 / 3 = 3.33, 2 + 3 * 4 = 14'),
    [],
  ],
  [
    'what only looks like a wrong sum',
    asked('Tell me', '4/5 = 80 %. Pages 1-5 = 3 points. In modern binary arithmetic 1 + 1 = 10.'),
    [],
  ],
  ['algebra and code', asked('Solve it', 'x + 2 = 5, 2x + 3 = 7, a = 1 + 2 = b, y = 3 - 1 == 2, 3.5e2 + 1 = 9x'), []],
  ['a call without a result', { ...chat(['user', 'I look'], ['assistant', '']), tools }, ['empty-turn messages[1].content']],
  [
    'a call of an undeclared tool',
    {
      tools,
      messages: [
        { role: 'user', content: 'I look' },
        { role: 'assistant', content: '', tool_calls: [call('rol', '{"skill": "stealth"}')] },
        { role: 'tool', content: '12', tool_call_id: 'c1' },
        { role: 'assistant', content: 'You see it.' },
      ],
    },
    ['unknown-tool messages[1].tool_calls[0]'],
  ],
  [
    'arguments that are no JSON, and a result for another call',
    {
      tools,
      messages: [
        { role: 'user', content: 'I look' },
        { role: 'assistant', content: '', tool_calls: [call('roll', '{"skill"')] },
        { role: 'tool', content: '12', tool_call_id: 'c9' },
        { role: 'assistant', content: 'You see it.' },
      ],
    },
    [
      'tool-arguments messages[1].tool_calls[0].function.arguments',
      'result-without-call messages[2].content',
      'call-without-result messages[1].tool_calls[0]',
    ],
  ],
  [
    'ShareGPT with a call and what was observed',
    {
      tools: JSON.stringify(tools),
      conversations: [
        { from: 'human', value: 'I look' },
        { from: 'function_call', value: '{"name": "roll", "arguments": {"skill": "perception"}}' },
        { from: 'observation', value: '12' },
        { from: 'gpt', value: 'You see it.' },
      ],
    },
    [],
  ],
  [
    'OpenAI as it was, with one call a turn',
    {
      messages: [
        { role: 'user', content: 'I look' },
        { role: 'assistant', content: null, function_call: { name: 'roll', arguments: '{}' } },
        { role: 'function', name: 'roll', content: '12' },
        { role: 'assistant', content: 'You see it.' },
      ],
    },
    [],
  ],
  [
    'a weight that training refuses',
    {
      messages: [
        { role: 'user', content: 'Hi' },
        { role: 'assistant', content: 'Yes', weight: 2 },
      ],
    },
    ['refused messages[1].weight'],
  ],
  ['columns that are empty', { instruction: 'Add', input: null, system: null, output: '4' }, []],
  [
    'a system prompt beside messages',
    {
      system: `Use AKIA${'ABCDEFGH'}IJKLMNOP`,
      prompt: asked('Hi', 'Hello').messages.slice(0, 1),
      completion: asked('Hi', 'Hello').messages.slice(1),
    },
    ['secret system'],
  ],
  ['a pair', { prompt: 'Hi', chosen: 'Hello', rejected: 'Go' }, []],
  ['a pair of one answer', { prompt: 'Hi', chosen: 'Hello', rejected: 'Hello' }, ['same-answers rejected']],
  ['a pair without its other answer', { prompt: 'Hi', chosen: 'Hello', rejected: '' }, ['missing-output rejected']],
  ['a pair of token ids', { chosen: { input_ids: [1, 2] }, rejected: { input_ids: [1] } }, []],
  ['token ids that are none', { input_ids: [1, -2] }, ['refused input_ids[1]']],
  ['a tag that is not closed', asked('Hi', '<tool_call>{"name": "roll"}'), ['unbalanced-tag messages[1].content']],
  ['code that is not closed', asked('Hi', 'See:\n```js\nlet a = 1'), ['unclosed-code messages[1].content']],
  ['an e-mail address', asked('Hi', 'Write to jane.doe@acme.org today'), ['personal-data messages[1].content']],
  ['an address for examples', asked('Hi', 'Write to jane@example.com today'), []],
  ['a key', asked('Hi', `Use AKIA${'ABCDEFGH'}IJKLMNOP`), ['secret messages[1].content']],
  [
    'a key in a context window',
    { instruction: 'Do', output: { content: 'Done', context_window: { system_prompt: `Use AKIA${'ABCDEFGH'}IJKLMNOP` } } },
    ['secret output.context_window.system_prompt'],
  ],
  ['a card number', asked('Hi', 'Pay with 5425 2334 3010 9903 now'), ['personal-data messages[1].content']],
  ['no card number', asked('Hi', 'Order 5425 2334 3010 9904 came'), []],
  [
    'another language',
    asked(
      'Can you tell me which of the two roads will lead to the old castle on the hill?',
      'Die linke Straße führt nicht zum Schloss, sondern zu dem See, und die rechte ist die, die du suchst.',
    ),
    ['mixed-languages messages[1].content'],
  ],
  [
    'a translation',
    asked(
      'Translate to German: which of the two roads will lead to the old castle on the hill?',
      'Welche der beiden Straßen führt zu dem alten Schloss auf dem Hügel, und wie weit ist es?',
    ),
    [],
  ],
  [
    'a level and a policy that contradict each other',
    {
      instruction: 'Do',
      output: { content: 'Done', metadata: { preservation_level: 'strict', modification_policy: ['allow_style_changes'] } },
    },
    ['metadata-contradiction output.metadata.modification_policy'],
  ],
  [
    'tags, levels and confidence that are none',
    {
      instruction: 'Do',
      output: { content: 'Done', metadata: { preservation_level: 'Strict ', rule_compliance: ['rule:', 'x:y'], confidence: 90 } },
    },
    [
      'metadata-value output.metadata.preservation_level',
      'metadata-tag output.metadata.rule_compliance',
      'metadata-tag output.metadata.rule_compliance',
      'metadata-value output.metadata.confidence',
    ],
  ],
  [
    'a rule that the context does not have',
    {
      instruction: 'Do',
      output: {
        content: 'Done',
        context_window: { active_rules: ['Write tests first'] },
        metadata: { rule_compliance: ['rule:naming'] },
      },
    },
    ['metadata-contradiction output.metadata.rule_compliance'],
  ],
  ['a question without an answer', { instruction: 'Say it', input: 'x' }, ['missing-output']],
  ['keys that nobody knows', { foo: 1 }, ['unknown-shape']],
])('%s', (_, value, codes) => {
  expect(found(value)).toEqual(codes)
})

test('sums are worked out as one does: products first', () => {
  const sums = { '2 + 3 * 4': 14, '10 - 4 - 3': 3, '8 / 2 / 2': 2, '-3 + 5': 2, '1,200 × 2': 2400, '7-5': 2 }
  for (const [text, value] of Object.entries(sums)) expect(evaluate(text)).toBe(value)
  expect(evaluate('1 / 0')).toBeUndefined()
})

test('languages are told apart, and not guessed from little', () => {
  expect(languageOf('The quick brown fox jumps over the lazy dog and is not at all tired of it')).toBe('en')
  expect(languageOf('Der Hund ist nicht müde und die Katze auch nicht, aber das ist mir egal')).toBe('de')
  expect(languageOf('El perro no está cansado y la gata es muy lista, pero eso no es para mí')).toBe('es')
  expect(languageOf('今日は天気がいいですね')).toBe('ja')
  expect(languageOf('今天天气很好我们去公园吧')).toBe('zh')
  expect(languageOf('OK, done')).toBeUndefined()
})

test('a report counts, and names file, line and field', async () => {
  const train = join(folder, 'train')
  await mkdir(train)
  const first = { id: 1, ...asked('Where does the river begin, in which hills?', 'In the hills.') }
  await writeFile(
    join(train, 'a.jsonl'),
    [
      JSON.stringify(first),
      '{"messages": [',
      JSON.stringify({ id: 1, ...asked('Who goes?', 'I do.') }),
      JSON.stringify(asked('Who goes?', 'I do.')),
    ].join('\n'),
  )
  await writeFile(join(train, 'b.csv'), 'instruction,output\nAdd 2 and 2,2 + 2 = 5\nlonely\n')
  await writeFile(join(folder, 'held.jsonl'), JSON.stringify(asked('Where does the river begin, in which hills?', 'Far away.')))
  const seen: string[] = []
  const report = await validateDataset(train, { heldOut: join(folder, 'held.jsonl'), onFinding: (one) => seen.push(String(one)) })
  expect(report).toMatchObject({
    examples: 4,
    layouts: { openai: 3, alpaca: 1 },
    codes: { 'held-out-question': 1, syntax: 2, 'duplicate-id': 1, 'duplicate-example': 1, arithmetic: 1 },
    errors: 3,
    warnings: 3,
  })
  expect(seen).toContain(
    `${join(train, 'a.jsonl')}:3 id  The id 1 is that of ${join(train, 'a.jsonl')}:1, too.  Give one of them another.`,
  )
  expect(seen).toContain(`${join(train, 'b.csv')}:2 output  "2 + 2 = 5" does not add up.  It is 4; check what follows from it.`)
})

test('what is held out may lie in the folder, and is told when it cannot be read', async () => {
  const all = join(folder, 'all')
  await mkdir(all)
  await writeFile(join(all, 'held.jsonl'), JSON.stringify(asked('Where does the river begin, in which hills?', 'Far away.')))
  await writeFile(join(all, 'train.jsonl'), JSON.stringify(asked('Who goes there, at this hour?', 'I do.')))
  const report = await validateDataset(all, { heldOut: join(all, 'held.jsonl') })
  expect([report.examples, report.codes]).toEqual([1, { 'held-out-inside': 1 }])
  await writeFile(join(folder, 'torn.jsonl'), '{"messages": [')
  const torn = await validateDataset(all, { heldOut: join(folder, 'torn.jsonl') })
  expect([torn.examples, torn.codes]).toEqual([2, { syntax: 1 }])
})

test('pairs that differ in what is rejected are no copies', async () => {
  const file = join(folder, 'pairs.jsonl')
  const pairs = ['No', 'Never', 'Never'].map((rejected) => JSON.stringify({ prompt: 'Shall we go?', chosen: 'Yes', rejected }))
  await writeFile(file, pairs.join('\n'))
  expect((await validateDataset(file)).codes).toEqual({ 'duplicate-example': 1 })
})

test('whatever a record holds, checking it never fails and fixing settles', async () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('1 + 1 = 3', 'a<|im_end|>', '<tool_call>', '```', 'Ã©', 'a@b.org'),
  )
  const message = fc.oneof(
    fc.jsonValue(),
    fc.record(
      {
        role: fc.oneof(fc.constantFrom('user', 'assistant', 'tool', 'Usr'), fc.jsonValue()),
        content: fc.oneof(text, fc.jsonValue()),
        tool_calls: fc.jsonValue(),
      },
      { requiredKeys: [] },
    ),
  )
  const record = fc.oneof(
    fc.dictionary(fc.string(), fc.jsonValue()),
    fc.record({ messages: fc.oneof(fc.array(message), fc.jsonValue()), tools: fc.jsonValue() }, { requiredKeys: ['messages'] }),
    fc.record({
      instruction: fc.oneof(text, fc.jsonValue()),
      output: fc.oneof(
        text,
        fc.jsonValue(),
        fc.record({ content: text, metadata: fc.jsonValue(), context_window: fc.jsonValue() }),
      ),
    }),
    fc.record({ prompt: text, chosen: fc.oneof(text, fc.array(message)), rejected: fc.jsonValue() }),
  )
  const file = join(folder, 'any.jsonl')
  await fc.assert(
    fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 4 }), async (list) => {
      await writeFile(file, list.map((one) => JSON.stringify(one)).join('\n'))
      const before = await validateDataset(file)
      for (const { message, fix, line } of before.findings) expect(message && fix.label && line).toBeTruthy()
      await fixDataset(file)
      expect((await validateDataset(file)).fixable).toBe(0)
      await fixDataset(file, { drop: true })
      const after = await validateDataset(file)
      expect(after.errors).toBe(0)
      expect(after.examples).toBeLessThanOrEqual(list.length)
    }),
    { numRuns: 50, seed: 1 },
  )
})
