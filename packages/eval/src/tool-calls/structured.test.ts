import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { parseStructuredCalls } from './structured-parse.js'
import { sameValue, scoreStructuredCalls } from './structured-score.js'

// On a busy machine.
vi.setConfig({ testTimeout: 120_000 })

const tools = [
  { name: 'roll', parameters: { type: 'object', properties: { skill: { type: 'string' }, bonus: { type: 'number' } } } },
  { name: 'health', parameters: { type: 'object', properties: { character: { type: 'string' }, amount: { type: 'integer' } } } },
]
const roll = { name: 'roll', arguments: { skill: 'stealth', bonus: 2 } }

describe('a call is read', () => {
  test.each([
    ['{"name": "roll", "arguments": {"skill": "stealth", "bonus": 2}}'],
    ['{"name": "roll", "parameters": {"skill": "stealth", "bonus": 2}}'],
    ['Sure!\n```json\n{"name": "roll", "arguments": {"skill": "stealth", "bonus": 2}}\n```\nDone.'],
    ['<tool_call>\n{"name": "roll", "arguments": {"skill": "stealth", "bonus": 2}}\n</tool_call>'],
    ['<tool_call>{"arguments": {"skill": "stealth", "bonus": 2}, "name": "roll"}'],
    ["<tool_call>{'name': 'roll', 'arguments': {'skill': 'stealth', 'bonus': 2,},}</tool_call>"],
    ['[TOOL_CALLS] [{"name": "roll", "arguments": {"skill": "stealth", "bonus": 2}}]'],
    ['<|python_tag|>{"type": "function", "name": "roll", "parameters": {"skill": "stealth", "bonus": 2}}'],
    [
      '{"tool_calls": [{"id": "1", "type": "function", "function": {"name": "roll", "arguments": "{\\"skill\\": \\"stealth\\", \\"bonus\\": 2}"}}]}',
    ],
    ['{"function": {"name": "roll", "arguments": {"skill": "stealth", "bonus": 2}}}'],
    ['{"tool": "roll", "input": {skill: "stealth", bonus: 2}}'],
    ['Action: {"action": "roll", "action_input": {"skill": "stealth", "bonus": 2}}'],
    ['<function=roll><parameter=skill>stealth</parameter><parameter=bonus>2</parameter></function>'],
    [
      '<tool_call>\n<function=roll>\n<parameter=skill>\nstealth\n</parameter>\n<parameter=bonus>\n2\n</parameter>\n</function>\n</tool_call>',
    ],
    ['<invoke name="roll"><parameter name="skill">stealth</parameter><parameter name="bonus">2</parameter></invoke>'],
    ['<function=roll>{"skill": "stealth", "bonus": 2}</function>'],
    ['<roll skill="stealth" bonus="2"/>'],
    ['<roll><skill>stealth</skill><bonus>2</bonus></roll>'],
    ['[roll(skill="stealth", bonus=2)]'],
    ["roll('stealth', bonus = 2)"],
    ['{"name": "roll", "arguments": {"skill": "stealth", "bonus": 2'],
    ['{"name": "roll", // quietly\n "arguments": {"skill": "stealth", "bonus": +2.0}}'],
  ])('%s', (text) => {
    const [call, ...more] = parseStructuredCalls(text, { tools })
    expect(more).toEqual([])
    expect({ name: call?.name, arguments: call?.arguments }).toEqual(roll)
  })

  test('several stand in order, whatever their forms', () => {
    const text = 'First <roll skill="a"/> then {"name": "health", "arguments": {"amount": -4}} and <invoke name="roll"></invoke>'
    expect(parseStructuredCalls(text, { tools }).map(({ name }) => name)).toEqual(['roll', 'health', 'roll'])
  })

  test.each([
    ['I roll the dice.'],
    ['{"health": 12}'],
    ['[1, 2, 3]'],
    ['{"name": "Mira", "age": 30}'],
    ['See [the map](map.png) {left}.'],
    ['roll (carefully)'],
  ])('prose and other data are none: %s', (text) => expect(parseStructuredCalls(text, { tools })).toEqual([]))
})

describe('values are the same by their syntax trees', () => {
  test.each([
    ['Sleight of Hand', 'sleight-of-hand', true],
    ["it's", 'it"s', true],
    [3, 3.0, true],
    [-4, 4, false],
    [3, '3', false],
    [true, 1, false],
    [null, undefined, false],
    [[1, 2], [2, 1], false],
    [{ a: 1, b: ['x'] }, { b: ['X'], a: 1 }, true],
    [{ a: 1 }, { a: 1, b: 2 }, false],
  ])('%j and %j: %s', (a, b, same) => expect(sameValue(a, b)).toBe(same))
})

describe('a turn is scored strictly', () => {
  const score = (expected: Parameters<typeof scoreStructuredCalls>[0], text: string) =>
    scoreStructuredCalls(expected, parseStructuredCalls(text, { tools }), tools)

  test.each([
    ['missing', [roll], 'I look around.'],
    ['unneeded', [], '<roll skill="x"/>'],
    ['unknown tool', [roll], '{"name": "dance", "arguments": {}}'],
    ['wrong tool', [roll], '{"name": "health", "arguments": {}}'],
    ['wrong arguments', [roll], '{"name": "roll", "arguments": {"skill": "stealth", "bonus": "2"}}'],
    ['wrong arguments', [roll], '{"name": "roll", "arguments": {"skill": "stealth", "bonus": 2, "luck": 1}}'],
    ['wrong number', [roll], '<roll skill="stealth" bonus="2"/> <roll skill="stealth" bonus="2"/>'],
    ['unknown tool', [roll], '{"name": "Roll", "arguments": {"skill": "stealth", "bonus": 2}}'],
    ['right', [roll], '<roll skill="Stealth" bonus="2"/>'],
    ['right', [], 'I look around.'],
  ] as const)('%s', (verdict, expected, text) =>
    expect(score([...expected], text)).toMatchObject({ verdict, right: verdict === 'right' }),
  )

  test('other right values and arguments that may be left out', () => {
    const expected = { ...roll, allowed: { skill: ['sneaking'] }, optional: ['bonus'] }
    expect(score([expected], '<roll skill="sneaking"/>').right).toBe(true)
    expect(score([expected], '<roll bonus="2"/>').explanation).toContain('skill is missing')
  })
})

const name = fc.stringMatching(/^[a-z][a-z_]{0,10}$/)
const call = fc.record({ name, arguments: fc.dictionary(name, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 }) })

test('whatever JSON writes is read back, in every form, and scores as right', () => {
  fc.assert(
    fc.property(fc.array(call, { minLength: 1, maxLength: 3 }), (calls) => {
      const forms = [
        calls.map((one) => `<tool_call>${JSON.stringify(one)}</tool_call>`).join('\n'),
        JSON.stringify(calls),
        JSON.stringify({
          tool_calls: calls.map((one) => ({ function: { name: one.name, arguments: JSON.stringify(one.arguments) } })),
        }),
      ]
      for (const text of forms) {
        const read = parseStructuredCalls(text)
        expect(read).toEqual(JSON.parse(JSON.stringify(calls)))
        expect(scoreStructuredCalls(calls, read, calls).right).toBe(true)
      }
    }),
  )
})

test('no text makes it fail or wait', () => {
  const piece = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    '"',
    "'",
    ':',
    ',',
    '<tool_call>',
    '<function=',
    '>',
    'name',
    'roll(',
    ')',
    ' ',
    '\\',
    '1',
    '-',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 200 }), (pieces) => {
      expect(Array.isArray(parseStructuredCalls(pieces.join(''), { tools }))).toBe(true)
    }),
    { numRuns: 300 },
  )
  const start = performance.now()
  parseStructuredCalls('[{"a":'.repeat(3000), { tools })
  expect(performance.now() - start).toBeLessThan(20_000)
})

test('calls whose arguments may have several values are paired so that as many as possible fit', () => {
  const f = (a: number, ...others: number[]) => ({ name: 'f', arguments: { a }, allowed: { a: others } })
  const made = (...values: number[]) => values.map((a) => ({ name: 'f', arguments: { a } }))
  const right = (expected: ReturnType<typeof f>[], values: number[]) =>
    scoreStructuredCalls(expected, made(...values), [{ name: 'f' }]).right
  expect(right([f(1, 2), f(1)], [1, 2])).toBe(true)
  expect(right([f(1, 2, 3), f(1, 2), f(1)], [1, 2, 3])).toBe(true)
  expect(right([f(1, 2), f(1)], [2, 2])).toBe(false)
  expect(right([f(1), f(1)], [1])).toBe(false)
})
