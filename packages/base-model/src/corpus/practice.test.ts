import { expect, test } from 'vitest'
import { conversations } from './chats.js'
import { practice } from './practice.js'

const chats = practice({ count: 300, learn: 'calls' })
const learnt = chats.flatMap((chat) =>
  chat.flatMap(({ content, learn }) => (learn ?? []).map(([from, to]) => content.slice(from, to))),
)

test('the same seed gives the same tales, and one does not depend on how many there are', () => {
  expect(practice({ count: 5, learn: 'calls' })).toEqual(chats.slice(0, 5))
  expect(practice({ count: 2, from: 3, learn: 'calls' })).toEqual(chats.slice(3, 5))
  expect(practice({ count: 5, seed: 2, learn: 'calls' })).not.toEqual(chats.slice(0, 5))
})

test('they are tales of the corpus, told with the tools of the game master', () => {
  const said = (all: typeof chats) =>
    all.map((chat) => chat.flatMap(({ role, content }) => (role === 'user' ? [content] : [])).length)
  expect(said(chats).every((turns) => turns >= 6)).toBe(true)
  const called = new Set(learnt.flatMap((part) => /\[([a-z ]+)[:\]]/.exec(part)?.[1] ?? []))
  expect([...called].sort()).toEqual(['begin combat', 'check', 'health', 'inventory', 'roll', 'save', 'spellcast'])
  const own = conversations('tales', { count: 300 }).flatMap((chat) => chat.map(({ content }) => content))
  expect(own.filter((text) => /\[(roll|check|save|health|inventory|spellcast|begin combat)[:\]]/.test(text))).toEqual([])
})

test('what is learned of an answer is its call, its verdict, or that it ends without either', () => {
  for (const part of learnt) expect(part).toMatch(/^( \[[^[\]]+\]|\*(SUCCESS|FAILED)\*|)$/)
  for (const chat of chats) for (const { role, learn } of chat) expect(learn === undefined, role).toBe(role !== 'assistant')
})
