import type { ChatMessage, LanguageModel, Prompt } from '@qt/core'
import { expect, test } from 'vitest'
import { synthesise } from './synthesise.js'

/** A model that says what it was given, one after the other, and remembers what it was asked. */
function speaker(...answers: readonly string[]) {
  const asked: (readonly ChatMessage[])[] = []
  const generate = async (prompt: Prompt) => {
    if (typeof prompt !== 'string') asked.push(prompt)
    return { text: answers[asked.length - 1] ?? '', tokens: 1, why: 'end' as const }
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

const good = 'Here it is: {"instruction":"Name the sea between two lands","output":"The Channel {narrow} lies there."} Done.'

test('an answer is read, checked and marked with where it came from', async () => {
  const { model, asked } = speaker(good)
  const made = []
  for await (const value of synthesise(model, [{ prompt: 'Write one.', system: 'Be brief.', category: 'sea' }])) made.push(value)
  expect(made).toEqual([
    {
      category: 'sea',
      instruction: 'Name the sea between two lands',
      output: 'The Channel {narrow} lies there.',
      provenance: { by: 'model', model: 'speaker', prompt: expect.any(String), attempt: 1 },
    },
  ])
  expect(asked[0]!.map(({ role }) => role)).toEqual(['system', 'user'])
})

test('a model is told what is wrong, and a task that gives nothing is named', async () => {
  const sum = '{"instruction":"Add 2 and 2","output":"2 + 2 = 5"}'
  const { model, asked } = speaker('no idea', sum, good, good, good, good)
  const failed: string[] = []
  const made = []
  const tasks = [{ prompt: 'First.' }, { prompt: 'Second.' }]
  for await (const value of synthesise(model, tasks, { onFailed: ({ prompt }, why) => failed.push(`${prompt} ${why}`) }))
    made.push(value)
  expect(made).toHaveLength(1)
  expect(made[0]).toMatchObject({ provenance: { attempt: 3 } })
  expect(asked[1]!.at(-1)!.content).toContain('The answer is no JSON object.')
  expect(asked[2]!.at(-1)!.content).toContain('"2 + 2 = 5" does not add up.')
  expect(failed).toEqual(['Second. It is nearly the same as an earlier one.'])
  expect(asked).toHaveLength(6)
})

test('what the caller asks for besides is held to', async () => {
  const { model } = speaker(good)
  const failed: string[] = []
  const validate = (value: Readonly<Record<string, unknown>>) =>
    typeof value.input === 'string' ? undefined : 'It has no input.'
  const onFailed = (_: unknown, why: string) => void failed.push(why)
  for await (const _ of synthesise(model, [{ prompt: 'One.' }], { retries: 0, validate, onFailed })) expect.unreachable()
  expect(failed).toEqual(['It has no input.'])
})
