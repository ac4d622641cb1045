import { conversations, corpus, recipe, type Stage, specialTokens } from '@qt/base-model'
import { type ChatMessage, ignoreLabel, permutation } from '@qt/core'
import { renderChat } from '@qt/data'
import type { Tokenizer } from '@qt/tokenizer'

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
  const mixed = kinds.flatMap((kind) => conversations(kind, { count: texts[kind], seed }))
  const stories = corpus('stories', { count: texts.stories, seed })
  const said = [...early, ...mixed].flatMap((messages: readonly ChatMessage[]) =>
    messages.map(({ role, content }) => `${role}\n${content}`),
  )
  return { early, mixed, stories, said: [...said, ...stories] }
}

/** The token rows of a stage in the order of training. Mostly the answers are learned, of some texts every word. */
export function stageRows(tokenizer: Tokenizer, stage: Stage, chatTemplate: string): Row[] {
  const { early, mixed, stories } = stageTexts(stage)
  const row = (text: string, isWhole: boolean): Row => {
    const ids = [...tokenizer.encode(text, { special: true })].slice(0, sequenceLength)
    return { input_ids: ids, labels: isWhole ? ids : answers(tokenizer, ids) }
  }
  const rows = [
    ...mixed.map((messages, index) => row(renderChat(messages, chatTemplate), index % recipe.wholeEvery === 0)),
    ...stories.map((story) => row(`${story}${eos}`, true)),
  ]
  return [
    ...early.map((messages) => row(renderChat(messages, chatTemplate), false)),
    ...[...permutation(rows.length, recipe.seed, 'shuffle', 0)].map((index) => rows[index]!),
  ]
}

/** Labels of what the assistant says, its end of turn included; the rest is context. */
function answers(tokenizer: Tokenizer, ids: readonly number[]): number[] {
  const [begin] = tokenizer.encode('<|im_start|>', { special: true })
  const [end] = tokenizer.encode(endOfTurn, { special: true })
  const speaker = tokenizer.encode('assistant\n')
  let spoken = false
  return ids.map((id, index) => {
    const at = index - speaker.length
    if (ids[at - 1] === begin && speaker.every((word, offset) => ids[at + offset] === word)) spoken = true
    const label = spoken ? id : ignoreLabel
    if (id === end) spoken = false
    return label
  })
}
