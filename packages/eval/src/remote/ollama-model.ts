import type { GenerateOptions, LanguageModel, Prompt, ToolCall } from '@qt/core'
import { z } from 'zod'
import { pieceOf, post, postStream, type RequestOptions } from './request.js'

export interface OllamaModelOptions extends RequestOptions {
  /** As `ollama list` shows it: `llama3.2:1b`. */
  readonly model: string
  /** Default `http://127.0.0.1:11434`. */
  readonly baseUrl?: string
}

const answerSchema = z.object({
  message: z
    .object({
      content: z.string().default(''),
      tool_calls: z
        .array(z.object({ function: z.object({ name: z.string(), arguments: z.record(z.string(), z.unknown()) }) }))
        .optional(),
    })
    .optional(),
  response: z.string().optional(),
  done: z.boolean().optional(),
  done_reason: z.string().optional(),
  eval_count: z.number().optional(),
  prompt_eval_count: z.number().optional(),
})

/**
 * A model of a local Ollama. Conversations go to /api/chat, plain text, unchanged, to /api/generate.
 *
 * @example
 * ```ts
 * const model = ollamaModel({ model: 'llama3.2:1b' })
 * ```
 */
export function ollamaModel({ model, baseUrl = 'http://127.0.0.1:11434', ...request }: OllamaModelOptions): LanguageModel {
  const base = baseUrl.replace(/\/+$/, '')
  const address = (prompt: Prompt) => `${base}${typeof prompt === 'string' ? '/api/generate' : '/api/chat'}`
  const body = (prompt: Prompt, options: GenerateOptions, stream: boolean) => ({
    model,
    stream,
    ...(typeof prompt === 'string' ? { prompt, raw: true } : { messages: messagesOf(prompt) }),
    ...(options.tools ? { tools: options.tools.map((tool) => ({ type: 'function', function: tool })) } : {}),
    ...(options.constraint && 'schema' in options.constraint ? { format: options.constraint.schema } : {}),
    options: settings(options),
  })
  return {
    name: model,
    async generate(prompt, options = {}) {
      const answer = await post(address(prompt), {
        ...request,
        body: body(prompt, options, false),
        schema: answerSchema,
        signal: options.signal,
      })
      const { message, response, done_reason: reason, eval_count: tokens = 0, prompt_eval_count: promptTokens } = answer
      const calls = (message?.tool_calls ?? []).map(({ function: one }): ToolCall => one)
      return {
        text: response ?? message?.content ?? '',
        tokens,
        ...(promptTokens === undefined ? {} : { promptTokens }),
        ...(calls.length > 0 ? { toolCalls: calls } : {}),
        why: reason === 'length' ? 'length' : options.stop && options.stop.length > 0 ? 'stop' : 'end',
      }
    },
    async *stream(prompt, options = {}) {
      for await (const line of postStream(address(prompt), {
        ...request,
        body: body(prompt, options, true),
        signal: options.signal,
      })) {
        if (line.trim() === '') continue
        const { message, response, done } = pieceOf(address(prompt), line, answerSchema)
        const text = response ?? message?.content ?? ''
        if (text !== '') yield text
        if (done) return
      }
    },
    close: async () => {},
  }
}

/** Ollama takes the arguments of calls as objects. */
const messagesOf = (messages: Exclude<Prompt, string>) =>
  messages.map(({ role, content, name, toolCalls }) => ({
    role,
    content,
    ...(role === 'tool' && name !== undefined ? { tool_name: name } : {}),
    ...(toolCalls && toolCalls.length > 0
      ? { tool_calls: toolCalls.map(({ name, arguments: given }) => ({ function: { name, arguments: given } })) }
      : {}),
  }))

function settings({ maxTokens, temperature, topK, topP, minP, repetitionPenalty, stop, seed }: GenerateOptions) {
  const all = {
    num_predict: maxTokens,
    temperature,
    top_k: topK,
    top_p: topP,
    min_p: minP,
    repeat_penalty: repetitionPenalty,
    stop: stop && stop.length > 0 ? stop : undefined,
    seed,
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}
