import type { ChatMessage, Embedder } from '@qt/core'
import { one } from '../metric/metric.js'
import type { Suite } from '../suite/suite.js'
import { answerTo } from '../tool-calls/answer.js'
import type { HeldOutConversation } from '../tool-calls/items.js'
import { agreesWithSheet, onTopic, spellsNames } from './coherence.js'
import { type Judged, lengthFit, noRefusal, noRepetition, personaFit, settingFit, specificity } from './heuristics.js'
import { loadProfile, type QualityProfile } from './profile.js'
import { type Sheet, sheetAfter, sheetDuring } from './sheet.js'

/** A turn to be answered. */
export interface QualityItem {
  readonly id: string
  readonly context: readonly ChatMessage[]
  readonly reference?: string
  /** Of the characters as the conversation begins; before the one of the options. */
  readonly sheet?: Sheet
}

/** A conversation, and what is known of its characters. */
export interface SheetedConversation extends HeldOutConversation {
  readonly sheet?: Sheet | undefined
}

/** The turns of an assistant in held-out conversations that follow something that a user said. */
export function conversationItems(conversations: Iterable<SheetedConversation>): QualityItem[] {
  return [...conversations].flatMap(({ messages, id, source, sheet }, index) =>
    messages.flatMap((message, turn): QualityItem[] => {
      const context = messages.slice(0, turn)
      if (message.role !== 'assistant' || message.weight === 0 || context.at(-1)?.role !== 'user') return []
      const item = { id: `${id ?? source ?? `conversation ${index + 1}`}#${turn}`, context, reference: message.content }
      return [sheet ? { ...item, sheet } : item]
    }),
  )
}

/** The parts of quality, each between 0 and 1. */
export const qualityParts = [
  'on_topic',
  'consistent',
  'no_repetition',
  'setting',
  'persona',
  'no_refusal',
  'length',
  'specific',
] as const
export type QualityPart = (typeof qualityParts)[number]

export interface QualityOptions {
  /** Default: the dungeon master's that ships. */
  readonly profile?: QualityProfile
  /** Of the characters as conversations begin. What it says no values of, the profile does. */
  readonly sheet?: Sheet | undefined
  /** For staying on topic; without one shared words are counted. */
  readonly embedder?: Embedder
}

/**
 * The quality of one answer, part by part, each with what was found. These are heuristics: they find what is plainly wrong and do not see what is
 * subtly so.
 *
 * @example
 * ```ts
 * const profile = await loadProfile('dungeon-master')
 * const { parts } = await qualityOf([{ role: 'user', content: 'I open the door.' }], 'You see a goblin. What do you do?', { profile })
 * parts.setting // { score: 1, notes: ['people and beasts: "goblin"'] }
 * ```
 */
export async function qualityOf(
  context: readonly ChatMessage[],
  answer: string,
  { profile, sheet, embedder }: QualityOptions & { readonly profile: QualityProfile },
): Promise<{ readonly score: number; readonly parts: Readonly<Partial<Record<QualityPart, Judged>>> }> {
  const earlier = context.filter(({ role }) => role === 'assistant').map(({ content }) => content)
  const asked = context.findLast(({ role }) => role === 'user')?.content ?? ''
  const parts = {
    on_topic: await onTopic(asked, answer, embedder),
    // Without a sheet there is nothing to contradict, and nothing to praise.
    ...(sheet ? { consistent: consistency(context, answer, { ...sheet, values: sheet.values ?? profile.values }) } : {}),
    no_repetition: noRepetition(answer, earlier),
    setting: settingFit(answer, profile),
    persona: personaFit(answer, profile),
    no_refusal: noRefusal(answer, profile),
    length: lengthFit(answer, profile),
    specific: specificity(answer),
  }
  const scores = Object.values(parts).map(({ score }) => score)
  return { score: scores.reduce((sum, score) => sum + score, 0) / scores.length, parts }
}

/** Names and facts of the sheet, as they stand at this turn. */
function consistency(context: readonly ChatMessage[], answer: string, sheet: Sheet): Judged {
  const earlier = context.filter(({ role }) => role === 'assistant')
  const now = earlier.reduce((before, { content }) => sheetAfter(before, content), sheet)
  const facts = agreesWithSheet(answer, sheetDuring(now, answer))
  const names = spellsNames(
    answer,
    sheet,
    context.map(({ content }) => content),
  )
  return { score: Math.max(0, facts.score + names.score - 1), notes: [...facts.notes, ...names.notes] }
}

/**
 * Conversation quality as a suite: `quality`, the mean of the parts, and each part as a metric.
 *
 * @example
 * ```ts
 * const suite = await qualitySuite(conversationItems(heldOut), { profile: await loadProfile('dungeon-master') })
 * ```
 */
export async function qualitySuite(
  items: readonly QualityItem[],
  options: QualityOptions & { readonly maxTokens?: number } = {},
): Promise<Suite> {
  const { maxTokens = 160 } = options
  const profile = options.profile ?? (await loadProfile('dungeon-master'))
  const sheets = options.sheet !== undefined || items.some(({ sheet }) => sheet !== undefined)
  const measured = qualityParts.filter((part) => part !== 'consistent' || sheets)
  return {
    name: 'quality',
    metrics: ['quality', ...measured].map((name) => ({ name, aggregate: 'mean', higherIsBetter: true })),
    items: items.map(({ id, context, reference, sheet = options.sheet }) => ({
      id,
      async measure(model, { signal }) {
        const answer = await answerTo(model, context, { maxTokens, ...(signal ? { signal } : {}) })
        const { score, parts } = await qualityOf(context, answer.text, { ...options, sheet, profile })
        const notes = Object.entries(parts).map(
          ([part, judged]) =>
            `${part} ${judged.score.toFixed(2)}${judged.notes.length > 0 ? `: ${judged.notes.join('; ')}` : ''}`,
        )
        return {
          scores: {
            quality: one(score),
            ...Object.fromEntries(Object.entries(parts).map(([part, judged]) => [part, one(judged.score)])),
          },
          prompt: context.map(({ role, content }) => `${role}: ${content}`).join('\n'),
          output: answer.text,
          ...(reference === undefined ? {} : { expected: reference }),
          explanation: notes.join('\n'),
          tokens: answer.tokens,
        }
      },
    })),
  }
}
