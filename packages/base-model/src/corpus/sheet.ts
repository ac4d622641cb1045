import type { ChatMessage } from '@qt/core'
import { itemName, personName, somebodyName, spellName } from './names.js'
import { type Member, party } from './party.js'
import { type Choices, choices } from './random.js'

const roles = [
  'You answer questions about the sheet.',
  'You keep the sheets of the party, and say what stands there.',
  'You are the scribe of the company; you repeat what you are told.',
] as const

/** Questions about what stands on the sheets, and words to be said again: nothing is known here that is not written above. */
export function sheet(seed: number, index: number): ChatMessage[] {
  const made = choices(seed, index)
  const { pick, integer, chance } = made
  const { members, text } = party(made)
  const messages: ChatMessage[] = [{ role: 'system', content: `${pick(roles)}\n\n${text}` }]
  for (let turn = 10 + integer(8); turn > 0; turn--) {
    const [asked, answered] = chance(0.55) ? lookUp(made, members) : echo(made)
    messages.push({ role: 'user', content: asked }, { role: 'assistant', content: answered })
  }
  return messages
}

type Exchange = readonly [asked: string, answered: string]

function lookUp({ pick }: Choices, members: readonly Member[]): Exchange {
  const one = pick(members)
  const name = one.name
  const item = pick(one.items)
  const skill = pick(one.skills)
  const kinds: readonly (() => Exchange)[] = [
    () => [`What does ${name} carry?`, `${one.items.join(', ')}.`],
    () => [pick([`Who carries the ${item}?`, `Who has the ${item}?`, `Whose is the ${item}?`]), `${name}.`],
    () => [pick(['Who am I?', 'What is my name?', 'Who plays?']), `${members[0]!.name}.`],
    () => [
      'Who is with me?',
      members.length > 1
        ? `${members
            .slice(1)
            .map((member) => member.name)
            .join(', ')}.`
        : 'Nobody.',
    ],
    () => [`What is ${name} good at?`, `${one.skills.map((known) => known.name).join(', ')}.`],
    () => [`How good is ${name} at ${skill.name}?`, `+${skill.bonus}.`],
    () => [`Which spells does ${name} know?`, one.spells.length > 0 ? `${one.spells.join(', ')}.` : 'None.'],
    () => ['What do I carry?', `${members[0]!.items.join(', ')}.`],
  ]
  return pick(kinds)()
}

function echo(made: Choices): Exchange {
  const { pick, integer, chance } = made
  const makers = [
    () => personName(made),
    () => itemName(made),
    () => somebodyName(made).replace(/^the /, ''),
    () => spellName(made),
    () => `${integer(40)}`,
    () => `${chance(0.5) ? '+' : '-'}${1 + integer(25)}`,
  ]
  const words = Array.from({ length: 2 + integer(5) }, () => pick(makers)())
  return [`${pick(['Say', 'Repeat', 'Write down', 'Note'])}: ${words.join(', ')}.`, `${words.join(', ')}.`]
}
