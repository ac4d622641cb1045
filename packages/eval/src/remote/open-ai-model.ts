import type { GenerateOptions, Generation, LanguageModel, Prompt, ToolCall } from '@qt/core'
import { z } from 'zod'
import { messagesOf } from './messages.js'
import { pieceOf, post, postStream, type RequestOptions } from './request.js'

export interface OpenAiModelOptions extends RequestOptions {
  /** Where the server's interface begins: `http://127.0.0.1:8080/v1`. */
  readonly baseUrl: string
  /** The name that the server knows the model by. */
  readonly model: string
  readonly apiKey?: string
}

const callSchema = z.object({ id: z.string().optional(), function: z.object({ name: z.string(), arguments: z.string() }) })
const answerSchema = z.object({
  choices: z
    .array(
      z.object({
        finish_reason: z.string().nullish(),
        text: z.string().optional(),
        message: z.object({ content: z.string().nullish(), tool_calls: z.array(callSchema).nullish() }).optional(),
      }),
    )
    .min(1),
  usage: z.object({ prompt_tokens: z.number().optional(), completion_tokens: z.number().optional() }).nullish(),
})
const pieceSchema = z.object({
  choices: z.array(z.object({ text: z.string().nullish(), delta: z.object({ content: z.string().nullish() }).optional() })),
})

/**
 * A model behind a server that speaks OpenAI's interface: our own `qt serve`, llama.cpp's server, vLLM, LM Studio, and the like. Conversations go
 * to /chat/completions, plain text to /completions.
 *
 * @example
 * ```ts
 * const model = openAiModel({ baseUrl: 'http://127.0.0.1:8080/v1', model: 'my-model' })
 * const { text } = await model.generate([{ role: 'user', content: 'Hello' }], { maxTokens: 20 })
 * ```
 */
export function openAiModel({ baseUrl, model, apiKey, ...request }: OpenAiModelOptions): LanguageModel {
  const base = baseUrl.replace(/\/+$/, '')
  const headers = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }
  const address = (prompt: Prompt) => `${base}${typeof prompt === 'string' ? '/completions' : '/chat/completions'}`
  const body = (prompt: Prompt, options: GenerateOptions) => ({
    model,
    ...(typeof prompt === 'string' ? { prompt } : { messages: messagesOf(prompt) }),
    ...settings(options),
  })
  return {
    name: model,
    async generate(prompt, options = {}) {
      const answer = await post(address(prompt), {
        ...request,
        headers,
        body: body(prompt, options),
        schema: answerSchema,
        signal: options.signal,
      })
      return generationOf(answer, options)
    },
    async *stream(prompt, options = {}) {
      const sent = { ...body(prompt, options), stream: true }
      for await (const line of postStream(address(prompt), { ...request, headers, body: sent, signal: options.signal })) {
        if (!line.startsWith('data:')) continue
        const data = line.slice(5).trim()
        if (data === '[DONE]') return
        const piece = pieceOf(address(prompt), data, pieceSchema).choices[0]
        const text = piece?.text ?? piece?.delta?.content ?? ''
        if (text !== '') yield text
      }
    },
    close: async () => {},
  }
}

function settings({
  maxTokens,
  temperature,
  topK,
  topP,
  minP,
  repetitionPenalty,
  stop,
  seed,
  tools,
  constraint,
}: GenerateOptions) {
  const all = {
    max_tokens: maxTokens,
    temperature,
    top_k: topK,
    top_p: topP,
    min_p: minP,
    repetition_penalty: repetitionPenalty,
    stop: stop && stop.length > 0 ? stop : undefined,
    seed,
    tools: tools?.map((tool) => ({ type: 'function', function: tool })),
    response_format:
      constraint && 'schema' in constraint
        ? { type: 'json_schema', json_schema: { name: 'answer', schema: constraint.schema } }
        : undefined,
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

function generationOf({ choices, usage }: z.infer<typeof answerSchema>, { stop = [] }: GenerateOptions): Generation {
  const { finish_reason: reason, text, message } = choices[0]!
  const calls = (message?.tool_calls ?? []).map(({ id, function: { name, arguments: given } }): ToolCall => {
    return { ...(id === undefined ? {} : { id }), name, arguments: argumentsOf(given) }
  })
  const said = text ?? message?.content ?? ''
  return {
    text: said,
    tokens: usage?.completion_tokens ?? 0,
    ...(usage?.prompt_tokens === undefined ? {} : { promptTokens: usage.prompt_tokens }),
    ...(calls.length > 0 ? { toolCalls: calls } : {}),
    // The interface says "stop" for the end of an answer as for a text that ends it.
    why: reason === 'length' ? 'length' : stop.length > 0 ? 'stop' : 'end',
  }
}

/** Arguments that cannot be read stay, under a name that no tool asks for: the call is a wrong one, not one without arguments. */
function argumentsOf(given: string): Record<string, unknown> {
  const value = given.trim() === '' ? {} : parsed(given)
  if (isRecord(value)) return value
  return value === null ? {} : { arguments: given }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
