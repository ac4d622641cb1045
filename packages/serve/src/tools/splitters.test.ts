import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { RequestTool } from '../request/chat.js'
import { bracketSplitter, writtenCall } from './brackets.js'
import type { Piece, Splitter } from './calls.js'
import { tagSplitter } from './tags.js'

const tool = (name: string, properties?: Record<string, unknown>): RequestTool => ({
  type: 'function',
  function: { name, ...(properties ? { parameters: { type: 'object', properties } } : {}) },
})
const tools = [
  tool('roll', { what: { type: 'string' } }),
  tool('health', { character: { type: 'string' }, amount: { type: 'integer' } }),
  tool('begin_combat', {}),
  tool('anything'),
]

/** Neighbouring texts as one: how an answer is cut says nothing. */
function all(splitter: Splitter, parts: readonly string[], cut = false): (string | Extract<Piece, { call: unknown }>['call'])[] {
  const found: (string | Extract<Piece, { call: unknown }>['call'])[] = []
  for (const piece of [...parts.flatMap((part) => splitter.push(part)), ...splitter.end(cut)])
    if ('call' in piece) found.push(piece.call)
    else if (typeof found.at(-1) === 'string') found.push(`${found.pop()}${piece.text}`)
    else found.push(piece.text)
  return found
}

test('a long run of white space holds nobody up', () => {
  for (const splitter of [bracketSplitter(tools), tagSplitter()]) {
    const began = performance.now()
    const blanks = Array.from({ length: 3000 }, () => '\n\n\n\n')
    expect(all(splitter, ['a', ...blanks, 'b'])).toEqual([`a${blanks.join('')}b`])
    expect(performance.now() - began).toBeLessThan(5000)
  }
})

test.each([
  ['You listen. [roll: perception]', ['You listen.', { name: 'roll', arguments: { what: 'perception' } }]],
  ['[Health : "Mira", −4] Ouch.', [{ name: 'health', arguments: { character: 'Mira', amount: -4 } }, ' Ouch.']],
  ['To arms! [begin combat]', ['To arms!', { name: 'begin_combat', arguments: {} }]],
  ['[begin_combat]', [{ name: 'begin_combat', arguments: {} }]],
  ['[anything: a, b]', [{ name: 'anything', arguments: { arguments: ['a', 'b'] } }]],
  ['[roll: one, two]', [{ name: 'roll', arguments: { what: 'one, two' } }]],
  ['He laughs [sic] and [fly: away] goes.', ['He laughs [sic] and [fly: away] goes.']],
  ['At the end [roll: stealth', ['At the end', { name: 'roll', arguments: { what: 'stealth' } }]],
  ['a [ b', ['a [ b']],
])('%s', (text, expected) => {
  expect(all(bracketSplitter(tools), [text])).toEqual(expected)
})

test('an answer that was cut makes no half call', () => {
  expect(all(bracketSplitter(tools), ['So be it. [health: Mi'], true)).toEqual(['So be it. [health: Mi'])
})

test('how a text is cut into pieces changes nothing, and no text is lost', () => {
  const part = fc.constantFrom(
    '[',
    ']',
    '[roll: stealth]',
    ' ',
    '\n',
    'word',
    '[sic]',
    '<tool_call>',
    '{"name":"roll","arguments":{"what":"x"}}',
    '</tool_call>',
    ':',
  )
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), fc.array(fc.nat(60), { maxLength: 8 }), (parts, cuts) => {
      const text = parts.join('')
      const at = [0, ...cuts.filter((cut) => cut < text.length).sort((a, b) => a - b), text.length]
      const pieces = at.slice(1).map((to, i) => text.slice(at[i], to))
      for (const splitter of [() => bracketSplitter(tools), tagSplitter]) {
        expect(all(splitter(), pieces)).toEqual(all(splitter(), [text]))
        if (all(splitter(), [text]).every((piece) => typeof piece === 'string'))
          expect(all(splitter(), pieces).join('')).toBe(text)
      }
    }),
  )
})

test.each([
  [
    'Let me see.\n<tool_call>\n{"name": "roll", "arguments": {"what": "stealth"}}\n</tool_call>',
    ['Let me see.', { name: 'roll', arguments: { what: 'stealth' } }],
  ],
  [
    '<tool_call>{"name": "roll"}</tool_call><tool_call>{"name": "roll"}',
    [
      { name: 'roll', arguments: {} },
      { name: 'roll', arguments: {} },
    ],
  ],
  ['<tool_call>not json</tool_call>', ['<tool_call>not json</tool_call>']],
  ['a < b <tool', ['a < b <tool']],
])('%s', (text, expected) => {
  expect(all(tagSplitter(), [text])).toEqual(expected)
})

test('calls made before are written as they are read', () => {
  const call = { name: 'health', arguments: { amount: -4, character: 'Mira' } }
  expect(writtenCall(call, tools)).toBe('[health: Mira, -4]')
  expect(all(bracketSplitter(tools), [writtenCall(call, tools)])).toEqual([call])
})
