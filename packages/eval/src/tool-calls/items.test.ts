import type { ChatMessage } from '@qt/core'
import { expect, test } from 'vitest'
import { tools } from '../../test/tools.js'
import { toolCallItems } from './items.js'

const say = (role: ChatMessage['role'], content: string): ChatMessage => ({ role, content })

test('every turn of the assistant is an item with everything before it', () => {
  const messages = [
    say('system', 'You are a game master.'),
    say('user', 'I listen at the door.'),
    say('assistant', 'Roll. [roll: perception]'),
    say('tool', 'perception: 12 + 3 = *15*'),
    say('assistant', 'You hear breathing.'),
  ]
  expect(toolCallItems([{ messages, id: 'door' }], tools)).toEqual([
    {
      id: 'door#2',
      context: messages.slice(0, 2),
      expected: [{ name: 'roll', arguments: ['perception'] }],
      reference: 'Roll. [roll: perception]',
    },
    { id: 'door#4', context: messages.slice(0, 4), expected: [], reference: 'You hear breathing.' },
  ])
})

test('a turn that opens the conversation and one of weight 0 are context only', () => {
  const messages: ChatMessage[] = [
    say('system', 'A tavern.'),
    say('assistant', 'Rain falls.'),
    say('user', 'I run.'),
    { ...say('assistant', 'You run. [roll: athletics]'), weight: 0 },
    say('user', 'I hide.'),
    say('assistant', '[roll: stealth]'),
  ]
  expect(toolCallItems([{ messages }], tools).map(({ id }) => id)).toEqual(['conversation 1#5'])
})

test('an undeclared tool, and calls outside the text, are errors that name the place', () => {
  const call = [{ name: 'roll', arguments: { what: 'stealth' } }]
  const asked = say('user', 'I hide.')
  expect(() => toolCallItems([{ messages: [asked, say('assistant', '[sneak: yes]')], source: 'a.md' }], tools)).toThrowError(
    expect.objectContaining({ code: 'EVAL_TOOL_UNDECLARED', where: { file: 'a.md', field: 'messages[1].content' } }),
  )
  expect(() =>
    toolCallItems([{ messages: [asked, { ...say('assistant', ''), toolCalls: call }], source: 'a.md' }], tools),
  ).toThrowError(
    expect.objectContaining({ code: 'EVAL_CALLS_STRUCTURED', where: { file: 'a.md', field: 'messages[1].toolCalls' } }),
  )
})
