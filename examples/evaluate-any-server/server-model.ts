import { type ChatMessage, type GenerateOptions, type Generation, type LanguageModel, type Prompt, QtError } from '@qt/core'
import { z } from 'zod'

const answerSchema = z.object({
  choices: z.array(z.object({ finish_reason: z.string(), message: z.object({ content: z.string().nullable() }) })).min(1),
  usage: z.object({ prompt_tokens: z.number(), completion_tokens: z.number() }).optional(),
})
const errorSchema = z.object({ error: z.object({ message: z.string(), code: z.string().nullish() }) })

/** A model behind an OpenAI-compatible server, as far as an evaluation needs it: a LanguageModel is little more than `generate`. */
export function serverModel(url: string, name: string, token?: string): LanguageModel {
  async function generate(prompt: Prompt, options: GenerateOptions = {}): Promise<Generation> {
    const messages: readonly Pick<ChatMessage, 'role' | 'content'>[] =
      typeof prompt === 'string' ? [{ role: 'user', content: prompt }] : prompt
    const response = await fetch(`${url}/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
      body: JSON.stringify({
        model: name,
        // Results of tools go as they stand; a server wants to know which call they answer.
        messages: messages.map(({ role, content }) =>
          role === 'tool' ? { role, content, tool_call_id: 'call' } : { role, content },
        ),
        max_tokens: options.maxTokens ?? 256,
        temperature: options.temperature ?? 0,
      }),
      signal: options.signal ?? null,
    })
    const body: unknown = await response.json()
    if (!response.ok) throw failure(response.status, body)
    const { choices, usage } = answerSchema.parse(body)
    const { message, finish_reason } = choices[0]!
    return {
      text: message.content ?? '',
      tokens: usage?.completion_tokens ?? 0,
      why: finish_reason === 'length' ? 'length' : 'end',
    }
  }
  return {
    name,
    generate,
    async *stream(prompt, options) {
      yield (await generate(prompt, options)).text
    },
    close: async () => {},
  }
}

/** The evaluation leaves out the oldest turns when a model says that the conversation is too long for it. */
function failure(status: number, body: unknown): QtError {
  const { data } = errorSchema.safeParse(body)
  return new QtError({
    code: data?.error.code === 'context_length_exceeded' ? 'PROMPT_TOO_LONG' : 'SERVER_REFUSED',
    message: `The server answers ${status}: ${data?.error.message ?? 'no reason given'}`,
  })
}
