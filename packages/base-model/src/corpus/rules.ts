import type { ChatMessage } from '@qt/core'
import { type Deed, deed, type Told } from './deeds.js'
import { somebodyName } from './names.js'
import { party } from './party.js'
import { choices } from './random.js'
import { deedKind } from './tale.js'

const roles = [
  'You know the rules of the game and say in a few words what a deed takes.',
  'You help players with the rules.',
  'You are the keeper of the rule book.',
] as const

/** Questions to somebody who knows the rules: what does it take to do this? */
export function rules(seed: number, index: number): ChatMessage[] {
  const made = choices(seed, index)
  const { pick, integer } = made
  const company = party(made)
  const messages: ChatMessage[] = [{ role: 'system', content: `${pick(roles)}\n\n${company.text}` }]
  let fighting = false
  for (let turn = 14 + integer(8); turn > 0; turn--) {
    const told = deed(made, deedKind(made, fighting), company, somebodyName(made))
    if (told.deed.kind === 'fight') fighting = true
    messages.push(...exchange(told))
  }
  return messages
}

const tested = [
  ...Array.from({ length: 24 }, () => 'skill' as const),
  ...(['force', 'force', 'endure', 'endure', 'endure', 'endure', 'fight', 'fight', 'blow', 'plain', 'plain', 'plain'] as const),
] as const

/** The same without a sheet, about what takes which skill. */
export function quiz(seed: number, index: number): ChatMessage[] {
  const made = choices(seed, index)
  const { pick, integer } = made
  const company = party(made)
  const asked = Array.from({ length: 16 + integer(10) }, () => deed(made, pick(tested), company, somebodyName(made)))
  return [{ role: 'system', content: pick(roles) }, ...asked.flatMap(exchange)]
}

const exchange = ({ asked, deed: done }: Told): ChatMessage[] => [
  { role: 'user', content: asked },
  { role: 'assistant', content: ruling(done) },
]

function ruling(done: Deed): string {
  switch (done.kind) {
    case 'skill':
      return `That takes ${done.skill}.`
    case 'force':
      return 'That takes raw strength.'
    case 'endure':
      return `Withstand it with ${done.ability}.`
    case 'blow':
      return 'A blow.'
    case 'dice':
      return `Throw ${done.dice}.`
    case 'spell':
      return `Magic: ${[done.spell, done.level, ...(done.target ? [done.target] : [])].join(', ')}.`
    case 'fight':
      return 'A fight begins.'
    case 'plain':
      return 'Nothing.'
    case 'take':
      return `${done.who}, +${done.item}.`
    case 'give':
      return `${done.who}, -${done.item}.`
    case 'hurt':
      return `${done.who}, -${done.amount}.`
    case 'heal':
      return `${done.who}, +${done.amount}.`
  }
}
