import type { Choices } from './random.js'

/**
 * The calls of one storyteller, by what they are for. Every conversation has its own words for them, so that what is learned is
 * what a call is for, never a name; the names of the game master's real tools are not among them.
 */
export interface Dialect {
  /** A test of skill, of a blow or of dice: `[test: stealth]`. */
  readonly test: string
  readonly force: string
  readonly endure: string
  /** Opens a fight, without arguments. */
  readonly fight: string
  /** What a blow in a fight is tested as. */
  readonly blow: string
  readonly pack: string
  readonly body: string
  readonly magic: string
  /** How success and failure are announced. */
  readonly verdicts: readonly [success: string, failure: string]
  /** How the result of a test says where its bonus comes from, and what stands around its sum. */
  readonly bonus: string
  readonly mark: string
}

/** What the game master of the examples calls: the tools that @qt/data declares for scenarios. */
export const gameMasters: Dialect = {
  test: 'roll',
  force: 'check',
  endure: 'save',
  fight: 'begin combat',
  blow: 'attack',
  pack: 'inventory',
  body: 'health',
  magic: 'spellcast',
  verdicts: ['*SUCCESS*', '*FAILED*'],
  bonus: 'skill',
  mark: '_',
}

const words = {
  test: ['test', 'trial', 'try', 'skill', 'throw', 'attempt'],
  force: ['force', 'might', 'effort', 'power'],
  endure: ['endure', 'resist', 'withstand', 'ward'],
  fight: ['start battle', 'to arms', 'battle', 'open fight', 'draw steel'],
  blow: ['blow', 'strike', 'hit', 'weapon'],
  pack: ['pack', 'bag', 'goods', 'belongings'],
  body: ['body', 'life', 'vigour', 'wounds'],
  magic: ['magic', 'spell', 'conjure', 'charm'],
  verdicts: [
    ['*DONE*', '*UNDONE*'],
    ['*YES*', '*NO*'],
    ['*WELL*', '*BADLY*'],
    ['*LUCK*', '*NO LUCK*'],
  ],
} as const satisfies { readonly [Part in Exclude<keyof Dialect, 'bonus' | 'mark'>]: readonly Dialect[Part][] }

export const dialect = ({ pick }: Choices): Dialect => ({
  test: pick(words.test),
  force: pick(words.force),
  endure: pick(words.endure),
  fight: pick(words.fight),
  blow: pick(words.blow),
  pack: pick(words.pack),
  body: pick(words.body),
  magic: pick(words.magic),
  verdicts: pick(words.verdicts),
  bonus: 'sheet',
  mark: '*',
})

/** The names that calls may have in the corpus. */
export const callNames: readonly string[] = [
  ...words.test,
  ...words.force,
  ...words.endure,
  ...words.fight,
  ...words.pack,
  ...words.body,
  ...words.magic,
]
