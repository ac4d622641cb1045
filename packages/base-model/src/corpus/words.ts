/** The small world that the stories are told in. */

export interface Hero {
  readonly name: string
  readonly kind: string
  readonly they: 'he' | 'she'
  readonly their: 'his' | 'her'
  readonly them: 'him' | 'her'
}

const she = { they: 'she', their: 'her', them: 'her' } as const
const he = { they: 'he', their: 'his', them: 'him' } as const

export const heroes: readonly Hero[] = [
  { name: 'Mira', kind: 'a young ranger', ...she },
  { name: 'Tessa', kind: 'a halfling thief', ...she },
  { name: 'Elin', kind: 'an elf archer', ...she },
  { name: 'Brenna', kind: 'a tired knight', ...she },
  { name: 'Isolde', kind: 'a curious wizard', ...she },
  { name: 'Runa', kind: 'a dwarf smith', ...she },
  { name: 'Tom', kind: 'a farm boy', ...he },
  { name: 'Borin', kind: 'an old dwarf', ...he },
  { name: 'Cael', kind: 'a quiet monk', ...he },
  { name: 'Finn', kind: 'a travelling bard', ...he },
  { name: 'Oswin', kind: 'a clumsy apprentice', ...he },
  { name: 'Garrick', kind: 'a brave soldier', ...he },
]

export interface Place {
  readonly at: string
  readonly to: string
  readonly sights: readonly string[]
}

export const places: readonly Place[] = [
  { at: 'in the dark forest', to: 'into the dark forest', sights: ['tall pines', 'a ring of mushrooms', 'an owl on a branch'] },
  { at: 'in the old mine', to: 'down into the old mine', sights: ['a broken cart', 'rusty rails', 'a vein of silver'] },
  { at: 'at the ruined tower', to: 'up to the ruined tower', sights: ['fallen stones', 'a spiral stair', 'a cracked bell'] },
  { at: 'in the silent crypt', to: 'down to the silent crypt', sights: ['rows of tombs', 'a cold altar', 'dust on the floor'] },
  { at: 'by the frozen lake', to: 'out to the frozen lake', sights: ['blue ice', 'a small boat', 'tracks in the snow'] },
  { at: 'in the hidden valley', to: 'into the hidden valley', sights: ['white flowers', 'a clear stream', 'a stone bridge'] },
  { at: 'in the swamp', to: 'into the swamp', sights: ['black water', 'a sunken statue', 'pale lights'] },
  { at: 'in the dragon cave', to: 'up to the dragon cave', sights: ['burned bones', 'a heap of gold', 'smoke in the air'] },
  { at: 'in the abandoned mill', to: 'to the abandoned mill', sights: ['a great wheel', 'torn sacks', 'a locked door'] },
  { at: 'in the sunken temple', to: 'down to the sunken temple', sights: ['green pillars', 'a pool of water', 'painted walls'] },
]

export interface Creature {
  readonly a: string
  readonly the: string
  /** What it can be met with instead of a sword. */
  readonly wants: string
}

export const creatures: readonly Creature[] = [
  { a: 'a goblin', the: 'the goblin', wants: 'a shiny coin' },
  { a: 'a grey wolf', the: 'the wolf', wants: 'a piece of meat' },
  { a: 'a huge spider', the: 'the spider', wants: 'to be left alone' },
  { a: 'a skeleton', the: 'the skeleton', wants: 'to rest at last' },
  { a: 'a stone troll', the: 'the troll', wants: 'a good riddle' },
  { a: 'a sad ghost', the: 'the ghost', wants: 'to hear its name' },
  { a: 'a young dragon', the: 'the dragon', wants: 'a song' },
  { a: 'a band of bandits', the: 'the leader of the bandits', wants: 'a bag of gold' },
  { a: 'a black bear', the: 'the bear', wants: 'a pot of honey' },
  { a: 'a swamp witch', the: 'the witch', wants: 'a fair trade' },
]

export const treasures = [
  'a silver key',
  'an old map',
  'a golden ring',
  'a glowing stone',
  'a healing potion',
  'a book of spells',
  'a small wooden flute',
  'the lost crown',
  'a sword with a red hilt',
  'a box of letters',
] as const

export const tools = [
  'a torch',
  'a rope',
  'a short sword',
  'a bow',
  'a lantern',
  'a wooden staff',
  'a shield',
  'a bag of salt',
] as const

export const givers = [
  'the miller',
  'the village elder',
  'an innkeeper',
  'a frightened child',
  'the queen',
  'a blind priest',
  'a merchant from the south',
] as const

export const weather = [
  'It was raining',
  'A cold wind blew',
  'The sun was low',
  'Fog lay over the fields',
  'Snow fell softly',
  'The moon was full',
  'It was a warm morning',
] as const

export const feelings = ['afraid', 'calm', 'excited', 'tired', 'proud', 'curious', 'worried', 'happy'] as const
