/** Who speaks in a scenario: the player, the game master, or the game's own rules with the result of a tool call. */
export type Speaker = 'user' | 'dm' | 'tool'

/** The three ways in which scenario files are written; see docs/scenarios.md. */
export const spellings = ['tags', 'headings', 'conversation'] as const
export type Spelling = (typeof spellings)[number]

export interface Scenario {
  /** Text before the first section, such as a title. */
  readonly preamble?: string
  /** Text of SYSTEM before its first part. */
  readonly introduction?: string
  readonly role?: string
  readonly world?: string
  readonly location?: string
  /** Text of the party that belongs to no character. */
  readonly partyText?: string
  readonly party: readonly Character[]
  /** Parts of SYSTEM under other titles. */
  readonly sections: readonly { readonly title: string; readonly text: string }[]
  readonly turns: readonly Turn[]
}

export interface Character {
  readonly name: string
  readonly kind?: 'player' | 'companion'
  /** As written: "Dwarf Fighter". */
  readonly class?: string
  readonly level?: number
  readonly health?: Gauge
  /** Of `max`, the next level is reached. */
  readonly experience?: Gauge
  readonly inventory: readonly Item[]
  readonly spells: readonly string[]
  readonly skills: readonly Skill[]
  /** List items that are none of the above, as written. */
  readonly other: readonly string[]
  readonly description?: string
}

export interface Gauge {
  readonly current: number
  readonly max: number
}

export interface Item {
  readonly name: string
  readonly count: number
}

export interface Skill {
  readonly name: string
  readonly bonus?: number
}

/** The text is what is kept; calls and results are what was read in it. */
export type Turn =
  | { readonly speaker: 'user'; readonly text: string }
  | { readonly speaker: 'dm'; readonly text: string; readonly calls: readonly ScenarioCall[]; readonly outcome?: Outcome }
  | { readonly speaker: 'tool'; readonly text: string; readonly results: readonly RollResult[] }

export type Outcome = 'success' | 'failed'

/** `[health: Kara, -4]` in the text of the game master. */
export interface ScenarioCall {
  readonly name: string
  readonly arguments: readonly string[]
  /** With its brackets. */
  readonly text: string
  /** Where it begins in the text of the turn. */
  readonly start: number
}

/** `perception: 15 + 10(skill) = *25*` */
export interface RollResult {
  readonly name: string
  readonly terms: readonly { readonly value: number; readonly label?: string }[]
  readonly total: number
  /** What had to be reached, when the line says so: `vs DC 15`. */
  readonly dc?: number
  readonly text: string
}
