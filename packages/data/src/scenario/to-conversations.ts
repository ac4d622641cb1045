import type { ChatExample, ChatMessage } from '@qt/core'
import type { Character, Scenario, Turn } from './model.js'
import { itemText } from './print-scenario.js'

export interface ConversationOptions {
  /** `scenario`: one example, with loss on every DM turn. `turn`: an example for each DM turn, with loss on that turn only. */
  readonly each?: 'scenario' | 'turn'
  /**
   * Who says the results of tools. They are context in either case and never trained on. Use `user` for templates that know no
   * tool role; `resultRoleOf` tells.
   */
  readonly resultRole?: 'tool' | 'user'
  readonly category?: string
  readonly source?: string
}

/**
 * A scenario as chat examples: SYSTEM becomes the system message, User the user, DM the assistant, TOOLCALL the result of a tool.
 *
 * @example
 * ```ts
 * const [example] = toConversations(parseScenario(text))
 * example?.messages.map(({ role }) => role) // ['system', 'user', 'assistant', 'tool', 'assistant']
 * ```
 */
export function toConversations(scenario: Scenario, options: ConversationOptions = {}): ChatExample[] {
  const { each = 'scenario', resultRole = 'tool', category, source } = options
  const system = systemText(scenario)
  const messages: ChatMessage[] = [
    ...(system === '' ? [] : [{ role: 'system' as const, content: system }]),
    ...joined(scenario.turns, resultRole),
  ]
  const provenance = { ...(category === undefined ? {} : { category }), ...(source === undefined ? {} : { source }) }
  if (!messages.some(({ role }) => role === 'assistant')) return []
  if (each === 'scenario') return [{ messages, ...provenance }]
  return messages.flatMap(({ role }, index) =>
    role === 'assistant'
      ? [
          {
            messages: messages
              .slice(0, index + 1)
              .map((message, i) => (message.role === 'assistant' && i < index ? { ...message, weight: 0 as const } : message)),
            ...provenance,
          },
        ]
      : [],
  )
}

/** Many templates refuse two messages of one role in a row, so those become one. */
function joined(turns: readonly Turn[], resultRole: 'tool' | 'user'): ChatMessage[] {
  const roles = { user: 'user', dm: 'assistant', tool: resultRole } as const
  const messages: ChatMessage[] = []
  for (const { speaker, text } of turns) {
    if (text === '') continue
    const role = roles[speaker]
    const last = messages.at(-1)
    if (last?.role === role) messages[messages.length - 1] = { role, content: `${last.content}\n${text}` }
    else messages.push({ role, content: text })
  }
  return messages
}

/**
 * What the model is told before the conversation begins; the same scenario always gives the same text.
 *
 * @example
 * ```ts
 * systemText(parseScenario(text)) // 'You are the Dungeon Master.\n\nWorld: …\n\nLocation: …\n\nParty:\n- Kara, player, Dwarf Fighter …'
 * ```
 */
export function systemText({ introduction, role, world, location, partyText, party, sections }: Scenario): string {
  return [
    ...(introduction ? [introduction] : []),
    ...(role ? [role] : []),
    ...(world ? [`World: ${world}`] : []),
    ...(location ? [`Location: ${location}`] : []),
    ...(party.length > 0 || partyText
      ? [['Party:', ...(partyText ? [partyText] : []), ...party.map(characterText)].join('\n')]
      : []),
    ...sections.map(({ title, text }) => `${title}: ${text}`),
  ].join('\n\n')
}

function characterText(character: Character): string {
  const { name, kind, level, health, experience, inventory, spells, skills, other, description } = character
  const facts = [
    ...(kind === undefined ? [] : [kind === 'player' ? 'player' : 'companion']),
    ...(character.class === undefined ? [] : [character.class]),
    ...(level === undefined ? [] : [`level ${level}`]),
    ...(health === undefined ? [] : [`health ${health.current}/${health.max}`]),
    ...(experience === undefined ? [] : [`exp ${experience.current}/${experience.max}`]),
  ]
  const lists = [
    ...(skills.length === 0
      ? []
      : [
          `Skills: ${skills.map(({ name: skill, bonus }) => (bonus === undefined ? skill : `${skill} ${bonus < 0 ? '' : '+'}${bonus}`)).join(', ')}.`,
        ]),
    ...(spells.length === 0 ? [] : [`Spells: ${spells.join(', ')}.`]),
    ...(inventory.length === 0 ? [] : [`Carries: ${inventory.map(itemText).join(', ')}.`]),
    ...other.map((text) => (/[.!?]$/.test(text) ? text : `${text}.`)),
    ...(description ? [description] : []),
  ]
  return `- ${[[name, ...facts].join(', '), ...lists].join('. ').replaceAll('.. ', '. ')}`
}
