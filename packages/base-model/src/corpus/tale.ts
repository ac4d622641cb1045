import type { ChatMessage } from '@qt/core'
import { fill } from './attempt.js'
import { type Deed, type DeedKind, deed, deedKinds, type Told } from './deeds.js'
import { type Dialect, dialect } from './dialect.js'
import { somebodyName } from './names.js'
import { party } from './party.js'
import { lines } from './phrases/lines/index.js'
import { badOutcomes, goodOutcomes } from './phrases/outcomes.js'
import { replies } from './phrases/replies.js'
import { roles } from './phrases/scenes.js'
import { type Choices, choices } from './random.js'
import { settle } from './template.js'

/** How often each kind of turn comes. */
const often = {
  ...{ skill: 36, plain: 15, take: 12, give: 12, spell: 9, hurt: 11, heal: 6 },
  ...{ fight: 6, force: 4, endure: 7, dice: 4, blow: 0 },
} as const satisfies Readonly<Record<DeedKind, number>>
const kinds = deedKinds.flatMap((kind) => Array.from({ length: often[kind] }, () => kind))

/** Any kind of turn; in a fight there are blows, and no second beginning. */
export function deedKind({ pick, chance }: Choices, fighting: boolean): DeedKind {
  const kind = pick(kinds)
  return fighting && (kind === 'fight' || chance(0.25)) ? 'blow' : kind
}

/** A tale told in turns, with calls in brackets: in a dialect of the storyteller's own, or in a given one. */
export function tale(seed: number, index: number, given?: Dialect): ChatMessage[] {
  const made = choices(seed, index)
  const { pick, integer, chance } = made
  const company = party(made)
  const words = given ?? dialect(made)
  const messages: ChatMessage[] = [{ role: 'system', content: `${pick(roles)}\n\n${company.text}` }]
  let foe = somebodyName(made)
  let fighting = false
  for (let turn = 6 + integer(5); turn > 0; turn--) {
    if (chance(0.2)) foe = somebodyName(made)
    const told = deed(made, deedKind(made, fighting), company, foe)
    if (told.deed.kind === 'fight') fighting = true
    messages.push(...played(made, told, words, foe))
  }
  return messages
}

/** What dice are rolled for, by the words of who asks. */
const healing = /heal|drink|medicine|potion|salve|balm|mend|bandage|rest|sleep/i
const harm = /damage|hurt|harm|wound|fall|burn|bit|sting|stung|poison|acid|blade|arrow|claw|thorn|scald|crush|land|hit|trap/i

/** What is asked, what is answered, and where something is rolled, the result and what came of it. */
function played(made: Choices, { asked, deed: done }: Told, words: Dialect, foe: string): ChatMessage[] {
  const { integer } = made
  const say = (from: readonly string[]) => fill(settle(made, made.pick(from)), foe, foe)
  const call = callOf(done, words)
  const answer = call === undefined ? say(replies) : `${say(linesOf(done))} ${call}`
  const messages: ChatMessage[] = [
    { role: 'user', content: asked },
    { role: 'assistant', content: answer },
  ]
  if (done.kind === 'dice') {
    const rolled = Array.from({ length: done.count }, () => 1 + integer(done.sides))
    const total = rolled.reduce((sum, one) => sum + one, 0)
    const change = healing.test(asked) ? 'heal' : harm.test(asked) ? 'hurt' : undefined
    messages.push(
      { role: 'tool', content: `${done.dice}: ${rolled.join(' + ')} = ${words.mark}${total}${words.mark}` },
      {
        role: 'assistant',
        content: change
          ? `${say(lines[change])} [${words.body}: ${done.who}, ${change === 'heal' ? '+' : '-'}${total}]`
          : `${total}, then. ${say(lines.tense)}`,
      },
    )
  }
  const tested = testOf(done, words)
  if (tested !== undefined) {
    const die = 1 + integer(20)
    const bonus = done.kind === 'skill' ? done.bonus : integer(5)
    const success = die + bonus >= 12
    messages.push(
      { role: 'tool', content: `${tested}: ${die} + ${bonus}(${words.bonus}) = ${words.mark}${die + bonus}${words.mark}` },
      {
        role: 'assistant',
        content: `${words.verdicts[success ? 0 : 1]} ${say(success ? goodOutcomes : badOutcomes)}`,
      },
    )
  }
  return messages
}

function testOf(done: Deed, words: Dialect): string | undefined {
  switch (done.kind) {
    case 'skill':
      return done.skill
    case 'force':
      return 'strength'
    case 'endure':
      return done.ability
    case 'blow':
      return words.blow
    default:
      return undefined
  }
}

function callOf(done: Deed, words: Dialect): string | undefined {
  switch (done.kind) {
    case 'plain':
      return undefined
    case 'skill':
      return `[${words.test}: ${done.skill}]`
    case 'blow':
      return `[${words.test}: ${words.blow}]`
    case 'dice':
      return `[${words.test}: ${done.dice}]`
    case 'force':
      return `[${words.force}: strength]`
    case 'endure':
      return `[${words.endure}: ${done.ability}]`
    case 'fight':
      return `[${words.fight}]`
    case 'spell':
      return `[${words.magic}: ${[done.spell, done.level, ...(done.target ? [done.target] : [])].join(', ')}]`
    case 'take':
    case 'give':
      return `[${words.pack}: ${done.who}, ${done.kind === 'take' ? '+' : '-'}${done.item}]`
    case 'hurt':
    case 'heal':
      return `[${words.body}: ${done.who}, ${done.kind === 'hurt' ? '-' : '+'}${done.amount}]`
  }
}

function linesOf(done: Deed): readonly string[] {
  switch (done.kind) {
    case 'spell':
      return lines.casting
    case 'fight':
    case 'blow':
      return lines.fight
    case 'take':
    case 'give':
      return lines.item
    case 'hurt':
    case 'dice':
      return lines.hurt
    case 'heal':
      return lines.heal
    default:
      return lines.tense
  }
}
