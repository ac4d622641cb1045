import type { Choices } from './random.js'

export const spellNames = [
  'Fire Bolt',
  'Magic Missile',
  'Cure Wounds',
  'Shield',
  'Light',
  'Sleep',
  'Healing Word',
  'Sacred Flame',
  'Ray of Frost',
  'Thunderwave',
  'Bless',
  'Entangle',
  'Burning Hands',
  'Misty Step',
  'Guiding Bolt',
  'Fireball',
  'Invisibility',
  'Mage Armor',
  'Detect Magic',
  'Charm Person',
  'Eldritch Blast',
  'Shocking Grasp',
  'Faerie Fire',
  'Hold Person',
  'Web',
  'Scorching Ray',
  'Lightning Bolt',
  'Dispel Magic',
  'Mage Hand',
  'Hunter Mark',
  'Feather Fall',
  'Fog Cloud',
  'Vicious Mockery',
  'Acid Splash',
  'Spiritual Weapon',
] as const
export const foes = [
  'the goblin',
  'the guard',
  'the orc',
  'the merchant',
  'the wolf',
  'the bandit',
  'the captain',
  'the ogre',
  'the innkeeper',
  'the stranger',
  'the cultist',
  'the troll',
  'the skeleton',
  'the old woman',
  'the thief',
  'the smuggler',
  'the baron',
  'the priest',
  'the spider',
  'the gatekeeper',
  'the witch',
  'the ghost',
  'the knight',
  'the hermit',
  'the sailor',
  'the miner',
  'the bear',
  'the kobold',
  'the boy',
  'the queen',
] as const

const castings = [
  'I cast $ at level # on @.',
  'I cast $ at level # at @!',
  '% casts $ at level # on @.',
  '% hurls $ at level # at @.',
  'I speak the words of $ at level # and point at @.',
  'I use $ at level # on @.',
  '% uses $ at level # on @.',
  'I throw $ at level # at @.',
  '% whispers $ at level # over @.',
  '$ at level # on @!',
  'I try $ at level # on @.',
] as const
const hurts = [
  'The stones hit % for # damage.',
  '% takes # damage.',
  'It burns % for # damage.',
  'The arrow grazes % for # damage.',
  'The claws rake % for # damage.',
  'The fall costs % # health.',
  'The thorns tear at %: # damage.',
  'The blow does # damage to %.',
  'A splinter cuts % for # damage.',
  'The blade bites % for # damage.',
  'The frost bites % for # damage.',
  'Something stings %. That is # damage.',
  'It drains # health from %.',
  'The door slams on %, # damage.',
] as const
const heals = [
  'The potion gives % # health back.',
  '% gets # health back.',
  'I bandage % and heal # health.',
  'The song heals % for # health.',
  'The spring restores # health to %.',
  'A warm light heals % for # health.',
  'Rest gives % # health.',
] as const
const fights = [
  'I attack @!',
  'I draw my sword and charge @.',
  'I swing my axe at @.',
  'I shoot an arrow at @.',
  'I stab @.',
  'We fight @!',
  'I strike @ with my mace.',
  'I rush at @ with a shout.',
  'Enough talk. I strike first.',
  'I throw my dagger at @.',
  'I leap at @ with drawn blades.',
  'I hit @ as hard as I can.',
  'Weapons out, we attack @.',
  'I loose an arrow at @.',
  'I lunge at @.',
  'I charge in.',
  'To arms! I go for @.',
  'I smash my shield into @.',
] as const
const takings = [
  'takes the $.',
  'picks up the $.',
  'puts the $ into the pack.',
  'pockets the $.',
  'grabs the $ from the table.',
  'keeps the $.',
  'accepts the $ from @.',
  'buys the $.',
  'collects the $.',
  'stows the $ away.',
  'takes the $ from @.',
  'lifts the $ out of the chest.',
  'finds the $ and takes it.',
] as const
const givings = [
  'drinks the $.',
  'uses up the $.',
  'gives the $ away.',
  'hands over the $.',
  'drops the $ into the water.',
  'throws the $ away.',
  'gives @ the $.',
  'leaves the $ behind.',
  'eats the $.',
  'burns the $.',
  'offers @ the $ as a gift.',
  'throws the $ at @, and it is gone.',
  'gives up the $.',
  'pays @ with the $.',
] as const
const plains = [
  'I greet @.',
  'Who are you?',
  'What is this place?',
  'I sit down by the fire.',
  'We walk on.',
  'I ask @ about the road.',
  'What do I see?',
  'I thank @ and turn to leave.',
  'Where does the path lead?',
  'I tell % what I think.',
  'I order a bowl of stew.',
  'How far is it to the village?',
  'I wait.',
  'I laugh.',
  'We rest until morning.',
  'I nod.',
  'I ask % for an opinion.',
  'What does @ say?',
  'I open the door and walk in.',
  'Let us go on.',
  'Good evening to you.',
  'I introduce myself to @.',
  'What happened here?',
  'I say goodbye.',
  'I tell @ my name.',
  'Tell me about the old days.',
  'I put a hand on the shoulder of %.',
  'I smile and wave.',
  'What do you know of the tower?',
  'We set out at dawn.',
] as const

export type Deed =
  | { readonly kind: 'spell'; readonly spell: string; readonly level: number; readonly target: string }
  | { readonly kind: 'fight' }
  | { readonly kind: 'plain' }
  | { readonly kind: 'take' | 'give'; readonly who: string; readonly item: string }
  | { readonly kind: 'hurt' | 'heal'; readonly who: string; readonly amount: number }

export const deedKinds = ['spell', 'fight', 'plain', 'take', 'give', 'hurt', 'heal'] as const

const firstPerson = (text: string): string =>
  text.replace(/^(\w+?)(e?s)\b/, (_, stem: string, ending: string) =>
    ending === 'es' && !/(?:ch|sh|ss|x)$/.test(stem) ? `${stem}e` : stem,
  )

const manners = ['', '', '', 'old ', 'tall ', 'young ', 'nearest ', 'wounded ', 'angry ', 'grey ', 'other ', 'biggest '] as const

/** What players do without a skill, in their words, and what it comes to. The player is the first of the party. */
export function deed(
  { pick, integer, chance }: Choices,
  kind: (typeof deedKinds)[number],
  given: { names: readonly string[]; somebody: string; item: string },
): { text: string; deed: Deed } {
  const player = given.names[0]!
  const who = chance(0.5) ? player : pick(given.names)
  const somebody = given.somebody.replace('the ', `the ${pick(manners)}`)
  const fill = (text: string) => text.replace('@', somebody).replaceAll('%', given.names.at(-1)!)
  switch (kind) {
    case 'spell': {
      const spell = pick(spellNames)
      const level = integer(4)
      return {
        text: fill(pick(castings)).replace('$', spell).replace('#', `${level}`),
        deed: { kind, spell, level, target: somebody.replace('the ', '') },
      }
    }
    case 'take':
    case 'give': {
      const what = pick(kind === 'take' ? takings : givings).replace('$', given.item)
      const own = chance(0.3) ? what.replace(` the ${given.item}`, ` my ${given.item}`) : what
      return { text: fill(who === player ? `I ${firstPerson(own)}` : `${who} ${what}`), deed: { kind, who, item: given.item } }
    }
    case 'hurt':
    case 'heal': {
      const amount = 1 + integer(12)
      const text = pick(kind === 'hurt' ? hurts : heals).replace('#', `${amount}`)
      const named = text.replace('%', who === player ? 'me' : who).replace(/^me (\w+)s\b/, 'I $1')
      return { text: named, deed: { kind, who, amount } }
    }
    default:
      return { text: fill(pick(kind === 'fight' ? fights : plains)), deed: { kind } }
  }
}
