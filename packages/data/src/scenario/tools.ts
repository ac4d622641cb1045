/** What an argument of a scenario tool may be. */
export type ToolArgumentKind = 'character' | 'amount' | 'item' | 'dice or skill' | 'skill' | 'number' | 'text'

export interface ScenarioTool {
  /** As it stands in the brackets: `begin combat`. */
  readonly name: string
  readonly description: string
  readonly arguments: readonly {
    readonly name: string
    readonly kind: ToolArgumentKind
    readonly optional?: boolean | undefined
  }[]
  /** A TOOLCALL turn with its result follows. */
  readonly returns?: boolean | undefined
}

/**
 * The tools that scenarios know unless the configuration declares others.
 *
 * @example
 * ```ts
 * import type { ScenarioTool } from '@qt/data'
 *
 * const weather: ScenarioTool = { name: 'weather', description: 'Change it.', arguments: [{ name: 'kind', kind: 'text' }] }
 * validateScenario(text, { tools: [...defaultTools, weather] })
 * ```
 */
export const defaultTools: readonly ScenarioTool[] = [
  {
    name: 'roll',
    description: 'Roll for a skill, or roll dice.',
    arguments: [
      { name: 'what', kind: 'dice or skill' },
      { name: 'character', kind: 'character', optional: true },
    ],
    returns: true,
  },
  {
    name: 'check',
    description: 'Test a skill or an ability.',
    arguments: [
      { name: 'skill', kind: 'skill' },
      { name: 'character', kind: 'character', optional: true },
    ],
    returns: true,
  },
  {
    name: 'save',
    description: 'Roll to withstand something.',
    arguments: [
      { name: 'type', kind: 'skill' },
      { name: 'character', kind: 'character', optional: true },
    ],
    returns: true,
  },
  {
    name: 'health',
    description: 'Wound or heal a character.',
    arguments: [
      { name: 'character', kind: 'character' },
      { name: 'amount', kind: 'amount' },
    ],
  },
  {
    name: 'inventory',
    description: 'Give a character an item, or take one.',
    arguments: [
      { name: 'character', kind: 'character' },
      { name: 'item', kind: 'item' },
    ],
  },
  {
    name: 'spellcast',
    description: 'Cast a spell.',
    arguments: [
      { name: 'spell', kind: 'text' },
      { name: 'level', kind: 'number' },
      { name: 'target', kind: 'text', optional: true },
    ],
  },
  { name: 'begin combat', description: 'Start a fight.', arguments: [] },
]

/** `[health: character, amount]` */
export const usage = ({ name, arguments: parts }: ScenarioTool): string =>
  parts.length === 0 ? `[${name}]` : `[${name}: ${parts.map((part) => (part.optional ? `${part.name}?` : part.name)).join(', ')}]`
