import type { GeneratedToken, GenerateOptions, Generation, LanguageModel, Prompt } from '@qt/core'
import { z } from 'zod'

/** Text of an answer, and the tokens drawn since the last. */
export interface Part {
  readonly text: string
  readonly tokens: readonly GeneratedToken[]
}

/** How an answer ended: what the model told of it, and tokens drawn since the last text. */
export interface Ending {
  readonly generation: Generation | undefined
  readonly tokens: readonly GeneratedToken[]
}

const generationSchema = z.object({
  text: z.string(),
  tokens: z.number(),
  promptTokens: z.number().optional(),
  why: z.enum(['end', 'length', 'stop']),
})

const generationOf = (value: unknown): Generation | undefined => {
  const { data } = generationSchema.safeParse(value)
  if (!data) return undefined
  const { promptTokens, ...rest } = data
  return promptTokens === undefined ? rest : { ...rest, promptTokens }
}

/** An answer in parts; with `alternatives` also its tokens, and so many of the likeliest in each place. */
export async function* answerOf(
  model: LanguageModel,
  prompt: Prompt,
  options: GenerateOptions,
  alternatives?: number,
): AsyncGenerator<Part, Ending, void> {
  let tokens: GeneratedToken[] = []
  const wanted: GenerateOptions =
    alternatives === undefined ? options : { ...options, alternatives, onToken: (token) => void tokens.push(token) }
  const stream = model.stream(prompt, wanted)[Symbol.asyncIterator]()
  let ended = false
  try {
    for (;;) {
      const next = await stream.next()
      if (next.done) {
        ended = true
        return { generation: generationOf(next.value), tokens }
      }
      const part = { text: next.value, tokens }
      tokens = []
      yield part
    }
  } finally {
    if (!ended) await stream.return?.()
  }
}

/** The first part of each answer, so that a prompt that cannot be answered is an error before anything is sent. */
export interface Begun {
  readonly first: IteratorResult<Part, Ending>
  readonly rest: AsyncGenerator<Part, Ending, void>
}

/** Begins answers together; when one fails, the others are stopped. */
export async function begin(answers: readonly AsyncGenerator<Part, Ending, void>[]): Promise<Begun[]> {
  try {
    return await Promise.all(answers.map(async (rest) => ({ first: await rest.next(), rest })))
  } catch (error) {
    for (const answer of answers) void answer.return({ generation: undefined, tokens: [] }).catch(() => {})
    throw error
  }
}

/** Goes through an answer that has begun. */
export async function follow({ first, rest }: Begun, use: (part: Part) => Promise<void> | void): Promise<Ending> {
  let next = first
  try {
    while (!next.done) {
      await use(next.value)
      next = await rest.next()
    }
    return next.value
  } finally {
    if (!next.done) await rest.return({ generation: undefined, tokens: [] })
  }
}

/** Works on each item together; when one fails, all answers are stopped. */
export async function followAll<Item, T>(
  items: readonly Item[],
  each: (item: Item, index: number) => Promise<T>,
  answers: readonly Begun[],
): Promise<T[]> {
  try {
    return await Promise.all(items.map(each))
  } catch (error) {
    for (const { rest } of answers) void rest.return({ generation: undefined, tokens: [] }).catch(() => {})
    throw error
  }
}

export const finishReason = ({ generation }: Ending): 'stop' | 'length' => (generation?.why === 'length' ? 'length' : 'stop')

export interface Usage {
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly total_tokens: number
}

/** Undefined when the model does not count. Several answers to one prompt count it once. */
export function usageOf(prompts: readonly (readonly Ending[])[]): Usage | undefined {
  let [prompt, completion] = [0, 0]
  for (const endings of prompts) {
    for (const { generation } of endings) {
      if (generation?.promptTokens === undefined) return undefined
      completion += generation.tokens
    }
    prompt += endings[0]?.generation?.promptTokens ?? 0
  }
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion }
}
