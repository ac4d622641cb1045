import { expect, test } from 'vitest'
import { thirdPerson } from './attempt.js'
import { conversations } from './chats.js'
import { callNames } from './dialect.js'

const kinds = ['tales', 'rules'] as const

test.each(kinds)('%s: the same seed gives the same conversations, and one does not depend on how many there are', (kind) => {
  expect(conversations(kind, { count: 10, seed: 3 })).toEqual(conversations(kind, { count: 10, seed: 3 }))
  expect(conversations(kind, { count: 30 }).slice(0, 5)).toEqual(conversations(kind, { count: 5 }))
  expect(conversations(kind, { count: 5, seed: 3 })).not.toEqual(conversations(kind, { count: 5, seed: 4 }))
})

test.each(kinds)('%s: no slot is left open, and turns alternate', (kind) => {
  for (const messages of conversations(kind, { count: 300 })) {
    expect(messages.map(({ role }) => role).join(' ')).toMatch(/^system( user assistant( tool assistant)?)+$/)
    for (const { content } of messages.slice(1)) expect(content).not.toMatch(/undefined|[@#$%]|\s[.,?!]|\s\s/)
  }
})

test('the game master’s own tools are never called', () => {
  const texts = kinds.flatMap((kind) => conversations(kind, { count: 300 }).flatMap((chat) => chat.map(({ content }) => content)))
  const names = new Set(texts.flatMap((text) => [...text.matchAll(/\[([a-z ]+)[:\]]/g)].map(([, name]) => name)))
  expect([...names].sort()).toEqual([...callNames].sort())
  const real = ['roll', 'check', 'save', 'health', 'inventory', 'spellcast', 'begin combat', 'end combat']
  expect(callNames.filter((name) => real.includes(name))).toEqual([])
})

test('every argument of a call stands in the conversation before it, or names a skill', () => {
  for (const messages of conversations('tales', { count: 300 }))
    for (const [index, { role, content }] of messages.entries()) {
      const [, , given] = /\[([a-z ]+): (.+)\]/.exec(content) ?? []
      if (role !== 'assistant' || given === undefined || !given.includes(', ')) continue
      const before = messages.slice(0, index).map((message) => message.content)
      for (const part of given.split(', '))
        expect(before.join('\n').toLowerCase()).toContain(part.replace(/^[+-]/, '').toLowerCase())
    }
})

test('the sum of every roll is right and decides the outcome', () => {
  for (const messages of conversations('tales', { count: 100 }))
    for (const [index, { content }] of messages.entries()) {
      const [, die, bonus, sum] = /: (\d+) \+ (\d+)\(sheet\) = \*(\d+)\*/.exec(content)?.map(Number) ?? []
      if (die === undefined) continue
      expect(die + bonus!).toBe(sum)
      expect(messages[index + 1]!.content).toMatch(sum! >= 12 ? /^\*(DONE|YES|WELL|LUCK)\*/ : /^\*(UNDONE|NO|BADLY|NO LUCK)\*/)
    }
})

test.each([
  ['try to jump', 'tries to jump'],
  ['push my cart', 'pushes their cart'],
  ['play the lute', 'plays the lute'],
  ['go where I please', 'goes where they please'],
])('%s → %s', (does, expected) => {
  expect(thirdPerson(does)).toBe(expected)
})
