import fc from 'fast-check'
import { expect, test } from 'vitest'
import { tools } from '../../test/tools.js'
import { printCall } from './call.js'
import { parseToolCalls } from './parse.js'

test.each([
  ['You listen. [roll: perception]', [['roll', 'perception']]],
  [
    '[roll: 3d6+2] and [health: Mira, -4]',
    [
      ['roll', '3d6+2'],
      ['health', 'Mira', '-4'],
    ],
  ],
  ['Steel is drawn. [begin combat]', [['begin combat']]],
  ['[ Begin   Combat ]', [['begin combat']]],
  ['[ROLL : Perception ]', [['roll', 'Perception']]],
  ['[Health: "Mira", \'-4\']', [['health', 'Mira', '-4']]],
  ['[inventory: “Old Bran, the smith”, +rope]', [['inventory', 'Old Bran, the smith', '+rope']]],
  ["[inventory: Mira, +dragon's tooth, small]", [['inventory', 'Mira', "+dragon's tooth", 'small']]],
  ["[inventory: 'tis Mira, +rope]", [['inventory', "'tis Mira", '+rope']]],
  ['[inventory: Mira, +rope (50 feet, hemp)]', [['inventory', 'Mira', '+rope (50 feet, hemp)']]],
  ['"roll": [`roll`: `stealth`]', [['roll', 'stealth']]],
  ['She falls. [health: Mira, -4', [['health', 'Mira', '-4']]],
  ['She falls. [health: Mira, -4 \n', [['health', 'Mira', '-4']]],
  ['[roll:]', [['roll']]],
])('reads %j', (text, calls) => {
  expect(parseToolCalls(text)).toEqual(calls.map(([name, ...given]) => ({ name, arguments: given })))
})

test.each([
  ['a [link: here](https://example.org)'],
  ['[1] a note'],
  ['[]'],
  ['no bracket: at all'],
  ['[roll: perception\nThe wind howls.'],
  ['[Day 3 — dusk: rain]'],
  ['["Warning": keep out]'],
  ['The letter ends there: [summon: an'],
])('finds no call in %j', (text) => {
  expect(parseToolCalls(text, { tools })).toEqual([])
})

test('quotes, other dashes and no end do not hide a declared tool', () => {
  const declared = [...tools, { name: 're-roll' }]
  expect(parseToolCalls('["roll": stealth] [re‑roll: stealth] [roll: stealth', { tools: declared })).toEqual(
    ['roll', 're-roll', 'roll'].map((name) => ({ name, arguments: ['stealth'] })),
  )
})

test('a bracket without a colon is prose unless it names a declared tool', () => {
  expect(parseToolCalls('[sighs] [begin combat] [summon: imp]', { tools })).toEqual([
    { name: 'begin combat', arguments: [] },
    { name: 'summon', arguments: ['imp'] },
  ])
})

test('what is printed is read again', () => {
  const word = fc.stringMatching(/^[A-Za-z0-9+-][A-Za-z0-9+ -]{0,8}[A-Za-z0-9]$/)
  const call = fc.record({ name: fc.constantFrom('roll', 'begin combat'), arguments: fc.array(word, { maxLength: 4 }) })
  fc.assert(
    fc.property(call, (one) => {
      expect(parseToolCalls(`So. ${printCall(one)} Go on.`)).toEqual([one])
    }),
  )
})

test('never throws, and is quick on any text', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('[', ']', ':', ',', '"', "'", '(', 'a', ' ', '😀', '\n') }), (text) =>
      Array.isArray(parseToolCalls(text)),
    ),
  )
  const start = performance.now()
  parseToolCalls(`${'[roll: "'.repeat(20_000)}`)
  expect(performance.now() - start).toBeLessThan(2000)
})
