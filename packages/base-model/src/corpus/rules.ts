import type { ChatMessage } from '@qt/core'
import { attempt, skillNames } from './attempts.js'
import { deed, foes } from './deeds.js'
import { itemName, personName } from './names.js'
import { choices } from './random.js'

const kinds = ['spell', 'fight', 'take', 'give', 'plain'] as const

/** Questions to somebody who knows the rules: what does it take to do this? */
export function rules(seed: number, index: number): ChatMessage[] {
  const made = choices(seed, index)
  const { pick, integer, chance } = made
  const messages: ChatMessage[] = [
    {
      role: 'system',
      content: pick([
        'You know the rules of the game and say in a few words what a deed takes.',
        'You help players with the rules. Name the skill.',
        'You are the keeper of the rule book.',
      ]),
    },
  ]
  for (let turn = 6 + integer(6); turn > 0; turn--) {
    const given = { somebody: pick(foes), companion: personName(made), item: itemName(made) }
    if (chance(0.72)) {
      const skill = pick(skillNames)
      messages.push(
        { role: 'user', content: attempt(made, skill, given) },
        { role: 'assistant', content: `That takes ${skill}.` },
      )
      continue
    }
    const { text, deed: done } = deed(made, pick(kinds), given)
    const answer =
      done.kind === 'spell'
        ? `That is the spell ${done.spell}, aimed at ${done.target.replace(/^the /, '')}.`
        : done.kind === 'fight'
          ? 'That begins a fight.'
          : done.kind === 'plain'
            ? 'That takes nothing at all.'
            : done.kind === 'take'
              ? `You gain: ${done.item}.`
              : `You lose: ${done.item}.`
    messages.push({ role: 'user', content: text }, { role: 'assistant', content: answer })
  }
  return messages
}
