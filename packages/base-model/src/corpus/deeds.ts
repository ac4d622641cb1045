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
  'I cast $ at @.',
  'I cast $ on @.',
  '$ on @!',
  'I hurl $ at @.',
  'I speak the words of $ and point at @.',
  'I use $ on @.',
  'I raise my hand and cast $ at @.',
  'I throw $ at @.',
  'I whisper $ over @.',
  'I let $ loose on @.',
  'Casting $ on @ now.',
  'My spell: $, at @.',
  'I try $ on @.',
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
  'I take the $.',
  'I pick up the $.',
  'I put the $ into my pack.',
  'I pocket the $.',
  'I grab the $ and move on.',
  'I will keep the $.',
  'I accept the $.',
  'I buy the $.',
  'I tie the $ to my belt.',
  'I collect the $.',
  'I stow the $ in my bag.',
  'The $ comes with me.',
  'I loot the $.',
] as const
const givings = [
  'I drink the $.',
  'I use the $.',
  'I give the $ away.',
  'I hand over the $.',
  'I drop the $.',
  'I throw the $ away.',
  'I pay with the $.',
  'I leave the $ behind.',
  'I eat the $.',
  'I burn the $.',
  'I offer the $ to @.',
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
  | { readonly kind: 'spell'; readonly spell: string; readonly target: string }
  | { readonly kind: 'fight' }
  | { readonly kind: 'plain' }
  | { readonly kind: 'take'; readonly item: string }
  | { readonly kind: 'give'; readonly item: string }

/** What players do without a skill, in their words, and what kind of thing it is. */
export function deed(
  { pick }: Choices,
  kind: Deed['kind'],
  given: { somebody: string; companion: string; item: string },
): { text: string; deed: Deed } {
  const fill = (text: string, thing = '') =>
    text.replace('$', thing).replace('@', given.somebody).replaceAll('%', given.companion)
  if (kind === 'spell') {
    const spell = pick(spellNames)
    return { text: fill(pick(castings), spell), deed: { kind, spell, target: given.somebody } }
  }
  if (kind === 'take' || kind === 'give')
    return { text: fill(pick(kind === 'take' ? takings : givings), given.item), deed: { kind, item: given.item } }
  return { text: fill(pick(kind === 'fight' ? fights : plains)), deed: { kind } }
}
