import type { LanguageModel, Prompt } from '@qt/core'
import { expect, test } from 'vitest'
import { paraphraseTasks } from './paraphrase-tasks.js'
import { synthesise } from './synthesise.js'

/** A model that says what it was given, one after the other. */
function speaker(...answers: readonly string[]) {
  const asked: string[] = []
  const generate = async (prompt: Prompt) => {
    asked.push(typeof prompt === 'string' ? prompt : (prompt.at(-1)?.content ?? ''))
    return { text: JSON.stringify({ text: answers[asked.length - 1] ?? '' }), tokens: 1, why: 'end' as const }
  }
  const model: LanguageModel = {
    name: 'speaker',
    generate,
    async *stream(prompt) {
      yield (await generate(prompt)).text
    },
    close: async () => {},
  }
  return { model, asked }
}

async function made(records: readonly Readonly<Record<string, unknown>>[], answers: readonly string[], variants = 1) {
  const { model, asked } = speaker(...answers)
  const failed: string[] = []
  const values = []
  for await (const value of synthesise(model, paraphraseTasks(records, { variants }), { onFailed: (_, why) => failed.push(why) }))
    values.push(value)
  return { values, asked, failed }
}

const record = { instruction: 'Wait 30 seconds, then call `retry()`.', output: 'It waits.', category: 'errors' }

test('a question is said in other words, its answer stays, and the record says what it was made of', async () => {
  const { values, asked } = await made([record], ['After 30 seconds have passed, run `retry()`.'])
  expect(asked[0]).toContain('---\nWait 30 seconds, then call `retry()`.\n---')
  expect(values).toEqual([
    {
      ...record,
      instruction: 'After 30 seconds have passed, run `retry()`.',
      provenance: {
        by: 'model',
        model: 'speaker',
        prompt: expect.any(String),
        attempt: 1,
        of: expect.stringMatching(/^[0-9a-f]+$/),
      },
    },
  ])
})

test('what loses a number or code, changes nothing, or comes twice is asked for again, with the reason', async () => {
  const good = 'Once 30 seconds are over, use `retry()`.'
  const { values, asked, failed } = await made(
    [record],
    ['Wait a while, then call `retry()`.', 'wait 30 seconds then call `retry()`', good, good, good, good],
    2,
  )
  expect(asked[1]).toContain('"30" is missing')
  expect(asked[2]).toContain('These are the same words.')
  expect(values.map(({ instruction }) => instruction)).toEqual([good])
  expect(failed).toEqual(['These are the same words.'])
})

test('the first question of a conversation is put in its place; a record without one gives no task', async () => {
  const messages = [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'Who is there?' },
    { role: 'assistant', content: 'A knight. [roll: perception]' },
  ]
  const { values } = await made([{ text: 'only text' }, { messages }], ['Is anybody here?'])
  expect(values).toMatchObject([{ messages: [messages[0], { role: 'user', content: 'Is anybody here?' }, messages[2]] }])
})
