import type { ChatMessage } from '@qt/core'
import { attempt, type SkillName, skillNames } from './attempts.js'
import { type Deed, deed, deedKinds, foes } from './deeds.js'
import { itemName } from './names.js'
import { party } from './party.js'
import { type Choices, choices } from './random.js'

const roles = [
  'You are the storyteller.',
  'You tell the story; the players say what they do.',
  'You are the narrator of an adventure.',
  'You lead a company of friends through a tale.',
  'You are the voice of the world.',
  'You are the Dungeon Master.',
  'You are a patient game master.',
] as const
const good: Readonly<Record<SkillName, readonly string[]>> = {
  perception: ['You hear a faint scraping behind the wall.', 'Far off a light moves between the trees.'],
  investigation: ['Behind the panel lies a narrow hollow.', 'A loose board gives way under your fingers.'],
  stealth: ['Nobody turns a head.', 'You pass like a shadow.'],
  persuasion: ['"Very well," comes the answer, "you have a point."', 'The hard face grows softer.'],
  deception: ['The lie is swallowed whole.', '"Of course, sir. Go right in."'],
  intimidation: ['Hands tremble; the weapon falls.', '"Please, do not hurt me!"'],
  insight: ['There is fear behind the smile.', 'The words are honest, you feel.'],
  athletics: ['With burning arms you make it.', 'Wood cracks and gives way.'],
  acrobatics: ['You land on light feet.', 'You turn in the air and it misses.'],
  'sleight of hand': ['Your fingers are quick and nobody sees.', 'A soft click, and it is yours.'],
  arcana: ['The runes speak of an old binding.', 'It is a ward against fire.'],
  history: ['This was the seat of the last king.', 'You know the banner from an old book.'],
  nature: ['It is kingsleaf, good against fever.', 'Such beasts fear fire.'],
  religion: ['It is a shrine of the goddess of rivers.', 'The sign belongs to a forgotten order.'],
  medicine: ['The bleeding stops.', 'Poison, and not an hour old.'],
  survival: ['The trail leads north, three pairs of boots.', 'Soon a fire crackles in the dry hollow.'],
  'animal handling': ['The animal lowers its head.', 'It sniffs your hand and grows calm.'],
  strength: ['Iron groans and moves.', 'With a crack it comes free.'],
  dexterity: ['It misses you by a hair.', 'You are out of the way in time.'],
  constitution: ['Your stomach turns, and holds.', 'You stay on your feet.'],
  wisdom: ['The voice fades.', 'Your thoughts are your own again.'],
  performance: ['The whole room claps along.', 'When you end, nobody speaks for a while.'],
}
const bad = [
  'It does not work.',
  'You fail, and somebody has noticed.',
  'Nothing comes of it.',
  'It goes wrong at the last moment.',
  'Not this time.',
  'You have no luck.',
] as const
const plain = [
  '"Well met," comes the answer.',
  'The road winds on between the hills.',
  '"I have seen stranger things," is the reply.',
  'The fire crackles and the night is quiet.',
  'There is a door on the left and a stair on the right.',
  '"Ask the miller, he knows more."',
  'You see an empty hall with a long table.',
  'Morning comes grey and cold.',
  '"Nobody has come this way for years."',
  'It is half a day on foot.',
] as const
const questions = ['What do you do?', 'What now?', 'And you?', 'What next?', 'Go on.'] as const
const tunes = ['calm', 'storm', 'tavern', 'dread', 'hope', 'battle drums', 'silence'] as const
const feelings = ['wary', 'glad', 'tired', 'angry', 'curious', 'afraid', 'proud'] as const

/** A stage direction of the storyteller's own kind: bracketed calls are used in many places, and for other things than dice. */
function direction({ pick, integer, chance }: Choices, names: readonly string[]): string {
  return pick([
    () => `[music: ${pick(tunes)}]`,
    () => `[mood: ${pick(names)}, ${pick(feelings)}]`,
    () => `[clock: +${5 + integer(50)}]`,
    () => `[purse: ${pick(names)}, ${chance(0.5) ? '-' : '+'}${1 + integer(12)}]`,
    () => '[turn page]',
    () => `[picture: ${pick(['tower', 'forest', 'harbour', 'dragon', 'old map'])}]`,
  ])()
}

/** A tale told in turns: whatever is tried succeeds or fails by the storyteller's word alone. */
export function tale(seed: number, index: number): ChatMessage[] {
  const made = choices(seed, index)
  const { pick, integer, chance } = made
  const { names, text } = party(made)
  const messages: ChatMessage[] = [{ role: 'system', content: `${pick(roles)}\n\n${text}` }]
  const somebody = pick(foes)
  for (let turn = 4 + integer(4); turn > 0; turn--) {
    const item = itemName(made)
    const given = { somebody: chance(0.7) ? somebody : pick(foes), companion: names.at(-1)!, item }
    const stage = chance(0.45) ? ` ${direction(made, names)}` : ''
    const ask = chance(0.3) ? ` ${pick(questions)}` : ''
    if (chance(0.5)) {
      const skill = pick(skillNames)
      messages.push({ role: 'user', content: attempt(made, skill, given) })
      messages.push({ role: 'assistant', content: `${chance(0.7) ? pick(good[skill]) : pick(bad)}${stage}${ask}` })
      continue
    }
    const paid = chance(0.15)
    if (paid) {
      const cost = 2 + integer(11)
      const who = pick(names)
      messages.push({ role: 'user', content: `${who} pays ${pick(foes)} ${cost} coins.` })
      messages.push({
        role: 'assistant',
        content: `${pick(['The coins change hands.', 'It is a fair price.'])} [purse: ${who}, -${cost}]`,
      })
      continue
    }
    const { text: said, deed: done } = deed(made, chance(0.3) ? 'plain' : pick(deedKinds), {
      names,
      somebody: given.somebody,
      item,
    })
    messages.push({ role: 'user', content: said })
    const reply = outcome(made, done, given.somebody, names[0]!)
    messages.push({ role: 'assistant', content: `${reply}${stage}${ask}` })
  }
  return messages
}

function outcome({ pick }: Choices, done: Deed, somebody: string, player: string): string {
  switch (done.kind) {
    case 'spell':
      return `${done.spell} ${pick(['flares up around', 'washes over', 'strikes', 'settles on'])} the ${done.target}.`
    case 'fight':
      return pick([
        `Steel rings, and ${somebody} staggers back.`,
        `The blow lands. ${player} stands firm.`,
        'It is over quickly.',
      ])
    case 'take':
      return `The ${done.item} is now in the pack of ${done.who}.`
    case 'give':
      return `${done.who} no longer has the ${done.item}.`
    case 'hurt':
      return `${done.who} ${pick(['winces', 'bleeds', 'staggers', 'cries out'])}.`
    case 'heal':
      return `${done.who} ${pick(['breathes easier', 'feels better', 'smiles again'])}.`
    case 'plain':
      return pick(plain)
  }
}
