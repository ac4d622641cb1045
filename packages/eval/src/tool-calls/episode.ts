import type { ChatMessage } from '@qt/core'
import { z } from 'zod'
import { one } from '../metric/metric.js'
import type { SuiteItem } from '../suite/suite.js'
import { answerTo } from './answer.js'
import { type BracketTool, printCall } from './call.js'
import { applyCall, type GameState, sameState } from './game-state.js'
import { normaliseName } from './normalise.js'
import { checkNumbers } from './numbers.js'
import { parseToolCalls } from './parse.js'
import { type CallPair, scoreToolCalls } from './score.js'

/** A conversation in which the model acts: its own calls change the state, and it goes on from its own answers. */
export const episodeSchema = z.strictObject({
  id: z.string(),
  /** The tool that it is about. */
  tool: z.string(),
  state: z
    .strictObject({
      health: z.record(z.string(), z.number()).default({}),
      inventory: z.record(z.string(), z.array(z.string())).default({}),
      combat: z.boolean().default(false),
    })
    .prefault({}),
  turns: z
    .array(
      z.strictObject({
        say: z.string(),
        /** The calls that are needed, as text: `[health: Mira, -4]`. */
        calls: z.string().default(''),
        /** What the tool answers, where the state does not say it: the number of a roll. */
        result: z.string().optional(),
        /** Numbers that have to be said, and that must not, after the calls were made. */
        says: z.array(z.number()).default([]),
        never: z.array(z.number()).default([]),
      }),
    )
    .min(1),
})
export type Episode = z.infer<typeof episodeSchema>

export interface EpisodeOptions {
  readonly tools: readonly BracketTool[]
  /** What the model is told first. */
  readonly system: string
  readonly maxTokens?: number
}

/** Plays an episode: every turn's calls, the state at the end, and the numbers that were said. */
export const episodeItem = (episode: Episode, { tools, system, maxTokens = 120 }: EpisodeOptions): SuiteItem => ({
  id: episode.id,
  async measure(model, { signal }) {
    const options = { maxTokens, ...(signal ? { signal } : {}) }
    const messages: ChatMessage[] = [{ role: 'system', content: `${system}\n${describe(episode.state)}` }]
    const notes: string[] = []
    const confusion: (readonly [string, string])[] = []
    let [state, wanted, tokens]: [GameState, GameState, number] = [episode.state, episode.state, 0]
    let [turnsRight, numbersRight, invented, made] = [true, true, 0, 0]
    let checked = false
    for (const turn of episode.turns) {
      messages.push({ role: 'user', content: turn.say })
      const answer = await answerTo(model, messages, options)
      tokens += answer.tokens
      messages.push({ role: 'assistant', content: answer.text })
      const expected = parseToolCalls(turn.calls, { tools })
      const actual = parseToolCalls(answer.text, { tools })
      const score = scoreToolCalls(expected, actual, tools)
      if (!score.right) turnsRight = false
      invented += score.invented
      made += actual.length
      notes.push(`"${turn.say}": ${score.explanation}`)
      confusion.push(...confusionOf(score.pairs))
      const results: string[] = []
      for (const call of expected) wanted = applyCall(wanted, call, turn.result).state
      for (const call of actual) {
        const applied = applyCall(state, call, turn.result)
        state = applied.state
        results.push(`${printCall(call)} → ${applied.result}`)
      }
      if (results.length > 0) {
        messages.push({ role: 'user', content: results.join('\n') })
        const told = await answerTo(model, messages, options)
        tokens += told.tokens
        messages.push({ role: 'assistant', content: told.text })
      }
      if (turn.says.length + turn.never.length === 0) continue
      checked = true
      const { right, explanation } = checkNumbers(messages.at(-1)!.content, turn)
      if (!right) numbersRight = false
      notes.push(explanation)
    }
    const stateRight = sameState(state, wanted)
    if (!stateRight) notes.push(`In the end: ${describe(state)} It should be: ${describe(wanted)}`)
    const right = turnsRight && stateRight && (!checked || numbersRight)
    return {
      scores: {
        right: one(right),
        calls: one(turnsRight),
        state: one(stateRight),
        ...(checked ? { numbers: one(numbersRight) } : {}),
        ...(made > 0 ? { invented: [invented, made] } : {}),
        [`tool ${normaliseName(episode.tool)}`]: one(right),
      },
      right,
      prompt: messages[0]!.content,
      output: messages
        .slice(1)
        .map(({ role, content }) => `${role}: ${content}`)
        .join('\n'),
      expected: episode.turns.map(({ say, calls }) => `${say} → ${calls || 'no call'}`).join('\n'),
      explanation: notes.join('\n'),
      tokens,
      confusion,
    }
  },
})

/** What stands in the confusion table where no call is. */
const none = 'none'

export const confusionOf = (pairs: readonly CallPair[]): (readonly [string, string])[] =>
  pairs.length === 0
    ? [[none, none]]
    : pairs.map(({ expected, actual }) => [
        expected ? normaliseName(expected.name) : none,
        actual ? normaliseName(actual.name) : none,
      ])

function describe({ health, inventory, combat }: GameState): string {
  const parts = [
    ...Object.entries(health).map(([who, points]) => `${who} has ${points} health.`),
    ...Object.entries(inventory).map(([who, things]) => `${who} carries ${things.join(', ') || 'nothing'}.`),
    combat ? 'There is combat.' : '',
  ]
  return parts.filter((part) => part !== '').join(' ')
}
