import { expect, test } from 'vitest'
import { thirdPerson } from './attempts.js'
import { conversations } from './chats.js'

const kinds = ['tales', 'rules'] as const

test.each(kinds)('%s: the same seed gives the same conversations, and one does not depend on how many there are', (kind) => {
  expect(conversations(kind, { count: 10, seed: 3 })).toEqual(conversations(kind, { count: 10, seed: 3 }))
  expect(conversations(kind, { count: 30 }).slice(0, 5)).toEqual(conversations(kind, { count: 5 }))
  expect(conversations(kind, { count: 5, seed: 3 })).not.toEqual(conversations(kind, { count: 5, seed: 4 }))
})

test.each(kinds)('%s: no slot is left open, and turns alternate', (kind) => {
  for (const messages of conversations(kind, { count: 300 })) {
    expect(messages.map(({ role }) => role).join(' ')).toMatch(/^system( user assistant)+$/)
    for (const { content } of messages.slice(1)) expect(content).not.toMatch(/undefined|[@#$%]|\s[.,?!]|\s\s/)
  }
})

test('the game master’s own tools are never called', () => {
  const calls = kinds.flatMap((kind) =>
    conversations(kind, { count: 300 }).flatMap((messages) => messages.map(({ content }) => content)),
  )
  const names = new Set(calls.flatMap((text) => [...text.matchAll(/\[([a-z ]+)[:\]]/g)].map(([, name]) => name)))
  expect([...names].sort()).toEqual(['clock', 'mood', 'music', 'picture', 'purse', 'turn page'])
})

test('what is answered about damage and things names the one that it happened to', () => {
  for (const messages of conversations('rules', { count: 200 }))
    for (const [index, { content }] of messages.entries()) {
      const [, who, amount] = /^(.+) is (?:down|up) by (\d+)\.$/.exec(content) ?? []
      if (who === undefined) continue
      const asked = messages[index - 1]!.content
      expect(asked).toContain(amount)
      // "me" is the first of the party.
      if (!asked.includes(who)) expect(messages[0]!.content).toContain(`Party:\n- ${who},`)
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
