import type { ChatMessage } from '@qt/core'
import { attempt, skillNames } from './attempts.js'
import { type Deed, deed, deedKinds, foes } from './deeds.js'
import { itemName } from './names.js'
import { party } from './party.js'
import { choices } from './random.js'

const roles = [
  'You know the rules of the game and say in a few words what a deed takes.',
  'You help players with the rules.',
  'You are the keeper of the rule book.',
] as const

/** Questions to somebody who knows the rules: what does it take to do this? */
export function rules(seed: number, index: number): ChatMessage[] {
  const made = choices(seed, index)
  const { pick, integer, chance } = made
  const { names, text: sheet } = party(made)
  const messages: ChatMessage[] = [{ role: 'system', content: `${pick(roles)}\n\n${sheet}` }]
  for (let turn = 8 + integer(6); turn > 0; turn--) {
    const somebody = pick(foes)
    if (chance(0.5)) {
      const skill = pick(skillNames)
      messages.push(
        { role: 'user', content: attempt(made, skill, { somebody, companion: names.at(-1)! }) },
        { role: 'assistant', content: `That takes ${skill}.` },
      )
      continue
    }
    const { text, deed: done } = deed(made, pick(deedKinds), { names, somebody, item: itemName(made) })
    messages.push({ role: 'user', content: text }, { role: 'assistant', content: ruling(done) })
  }
  return messages
}

function ruling(done: Deed): string {
  switch (done.kind) {
    case 'spell':
      return `The spell ${done.spell} of level ${done.level}, aimed at ${done.target}.`
    case 'fight':
      return 'That begins a fight.'
    case 'plain':
      return 'That takes nothing at all.'
    case 'take':
      return `${done.who} gains: ${done.item}.`
    case 'give':
      return `${done.who} loses: ${done.item}.`
    case 'hurt':
      return `${done.who} is down by ${done.amount}.`
    case 'heal':
      return `${done.who} is up by ${done.amount}.`
  }
}
