import { conversations, corpus, recipe, type Stage, specialTokens } from '@qt/base-model'
import { type ChatMessage, ignoreLabel, permutation } from '@qt/core'
import { renderChat } from '@qt/data'
import type { Tokenizer } from '@qt/tokenizer'

/** What of a text is learned: all of it, what the assistant says, or of that only its calls. */
type Learned = 'everything' | 'answers' | 'calls'

interface Row {
  readonly input_ids: number[]
  readonly labels: number[]
}

const kinds = ['tales', 'rules', 'quizzes', 'sheets'] as const
const [eos, , endOfTurn] = specialTokens
const { sequenceLength } = recipe.stages[0].training

/** The texts of a stage, and what is said in them, each turn by itself. */
export function stageTexts({ texts, sheetsFirst, seed }: Stage) {
  const early = conversations('sheets', { count: sheetsFirst, seed: seed + 1000 })
  const mixed = kinds.flatMap((kind) => conversations(kind, { count: texts[kind], seed }).map((messages) => ({ kind, messages })))
  const stories = corpus('stories', { count: texts.stories, seed })
  const said = [...early, ...mixed.map(({ messages }) => messages)].flatMap((messages: readonly ChatMessage[]) =>
    messages.map(({ role, content }) => `${role}\n${content}`),
  )
  return { early, mixed, stories, said: [...said, ...stories] }
}

/** The token rows of a stage in the order of training. Mostly the answers are learned, or of them the calls; of some texts every word. */
export function stageRows(tokenizer: Tokenizer, stage: Stage, chatTemplate: string): Row[] {
  const { early, mixed, stories } = stageTexts(stage)
  const row = (text: string, learned: Learned): Row => {
    const ids = [...tokenizer.encode(text, { special: true })]
    return { input_ids: ids.slice(0, sequenceLength), labels: labels(tokenizer, ids, learned).slice(0, sequenceLength) }
  }
  const rows = [
    ...mixed.map(({ kind, messages }, index) => {
      const isWhole = index % recipe.wholeEvery === 0
      const isTerse = kind === 'tales' && index % recipe.proseEvery !== 0
      return row(renderChat(messages, chatTemplate), isWhole ? 'everything' : isTerse ? 'calls' : 'answers')
    }),
    ...stories.map((story) => row(`${story}${eos}`, 'everything')),
  ]
  return [
    ...early.map((messages) => row(renderChat(messages, chatTemplate), 'answers')),
    ...[...permutation(rows.length, recipe.seed, 'shuffle', 0)].map((index) => rows[index]!),
  ]
}

/** Labels of what the assistant says, its end of turn included, or of that only what stands from a bracket on; the rest is context. */
function labels(tokenizer: Tokenizer, ids: readonly number[], learned: Learned): number[] {
  if (learned === 'everything') return [...ids]
  const [begin] = tokenizer.encode('<|im_start|>', { special: true })
  const [end] = tokenizer.encode(endOfTurn, { special: true })
  const speaker = tokenizer.encode('assistant\n')
  let spoken = false
  let called = false
  return ids.map((id, index) => {
    const at = index - speaker.length
    if (ids[at - 1] === begin && speaker.every((word, offset) => ids[at + offset] === word)) [spoken, called] = [true, false]
    called ||= spoken && tokenizer.decode([id]).includes('[')
    const label = spoken && (called || learned === 'answers') ? id : ignoreLabel
    if (id === end) spoken = false
    return label
  })
}
