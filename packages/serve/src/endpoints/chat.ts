import type { GenerateOptions } from '@qt/core'
import { badRequest } from '../http/api-error.js'
import { eventStream } from '../http/event-stream.js'
import { type ChatRequest, chatRequest } from '../request/chat.js'
import { toMessages } from '../request/messages.js'
import { parseRequest } from '../request/parse.js'
import { generateOptions } from '../request/sampling.js'
import type { Piece } from '../tools/calls.js'
import { formOf, type ToolUse, useTools } from '../tools/use-tools.js'
import { answerOf, type Begun, begin, type Ending, finishReason, follow, followAll, usageOf } from './answer.js'
import { type Context, sendJson, servedModel } from './context.js'
import { chatLogprobs, tokenizerOf } from './token-text.js'

/** POST /v1/chat/completions */
export async function chat(context: Context, body: unknown): Promise<void> {
  const request = parseRequest(chatRequest, body)
  const { id, model } = servedModel(context, request.model)
  const use = useTools(request, model, formOf(model, context.toolForm))
  const messages = toMessages(request.messages, use)
  if (request.top_logprobs !== undefined && !request.logprobs) throw badRequest('top_logprobs needs logprobs.', 'top_logprobs')
  if (request.max_tokens === 0) throw badRequest('max_tokens must be 1 or more.', 'max_tokens')
  const tokenizer = request.logprobs ? tokenizerOf(model, 'logprobs') : undefined
  const held = constraintOf(request, use)
  const options = generateOptions(request, request.max_completion_tokens ?? request.max_tokens, context)
  const alternatives = tokenizer && (request.top_logprobs ?? 0)
  const { signal } = context
  const leave = await context.gate.enter(signal)
  try {
    const begun = await begin(
      options.map((one) => answerOf(model, messages, { ...one, ...use.options, ...held, signal }, alternatives)),
    )
    const head = { id: `chatcmpl-${context.requestId}`, created: Math.floor(Date.now() / 1000), model: id }
    const logprobs = (tokens: Parameters<typeof chatLogprobs>[1]) => (tokenizer ? chatLogprobs(tokenizer, tokens) : null)
    const call = (index: number, number: number, { name, arguments: given }: Extract<Piece, { call: unknown }>['call']) => ({
      id: `call_${context.requestId}_${index}_${number}`,
      type: 'function',
      function: { name, arguments: JSON.stringify(given) },
    })

    if (!request.stream) {
      const answers = await followAll(
        begun,
        async (answer, index) => {
          const { text, calls, tokens, ending } = await collect(answer, use)
          const tool_calls = calls.map((one, number) => call(index, number, one))
          const choice = {
            index,
            message: {
              role: 'assistant',
              content: text === '' && calls.length > 0 ? null : text,
              refusal: null,
              ...(calls.length > 0 ? { tool_calls } : {}),
            },
            logprobs: logprobs(tokens),
            finish_reason: calls.length > 0 ? 'tool_calls' : finishReason(ending),
          }
          return { choice, ending }
        },
        begun,
      )
      const usage = usageOf([answers.map(({ ending }) => ending)])
      return sendJson(context.response, 200, {
        ...head,
        object: 'chat.completion',
        choices: answers.map(({ choice }) => choice),
        ...(usage ? { usage } : {}),
      })
    }

    const events = eventStream(context.response, signal)
    const withUsage = request.stream_options?.include_usage === true
    const send = (index: number, delta: object, finish_reason: string | null, tokens: Parameters<typeof chatLogprobs>[1] = []) =>
      events.send({
        ...head,
        object: 'chat.completion.chunk',
        choices: [{ index, delta, logprobs: tokens.length > 0 ? logprobs(tokens) : null, finish_reason }],
        ...(withUsage ? { usage: null } : {}),
      })
    const endings = await followAll(
      begun,
      async (answer, index) => {
        const splitter = use.splitter()
        let calls = 0
        await send(index, { role: 'assistant', content: '', refusal: null }, null)
        const pass = async (pieces: readonly Piece[], tokens: Ending['tokens']) => {
          let told = tokens
          for (const piece of pieces) {
            const delta =
              'text' in piece ? { content: piece.text } : { tool_calls: [{ index: calls, ...call(index, calls++, piece.call) }] }
            await send(index, delta, null, told)
            told = []
          }
          if (told.length > 0) await send(index, {}, null, told)
        }
        const ending = await follow(answer, ({ text, tokens }) => pass(splitter ? splitter.push(text) : [{ text }], tokens))
        await pass(splitter?.end(finishReason(ending) === 'length') ?? [], ending.tokens)
        await send(index, {}, calls > 0 ? 'tool_calls' : finishReason(ending))
        return ending
      },
      begun,
    )
    const usage = withUsage ? usageOf([endings]) : undefined
    if (usage) await events.send({ ...head, object: 'chat.completion.chunk', choices: [], usage })
    events.end()
  } finally {
    leave()
  }
}

/** A whole answer: its text without the calls, and the calls. */
async function collect(answer: Begun, use: ToolUse) {
  const splitter = use.splitter()
  const pieces: Piece[] = []
  const tokens: Ending['tokens'][number][] = []
  const ending = await follow(answer, (part) => {
    pieces.push(...(splitter ? splitter.push(part.text) : [{ text: part.text }]))
    tokens.push(...part.tokens)
  })
  pieces.push(...(splitter?.end(finishReason(ending) === 'length') ?? []))
  tokens.push(...ending.tokens)
  const text = pieces.map((piece) => ('text' in piece ? piece.text : '')).join('')
  return { text, calls: pieces.flatMap((piece) => ('call' in piece ? [piece.call] : [])), tokens, ending }
}

/** What holds the answer, as far as tools do not. */
function constraintOf({ response_format: format, grammar }: ChatRequest, use: ToolUse): Pick<GenerateOptions, 'constraint'> {
  const json = format !== undefined && format.type !== 'text'
  if (json && grammar !== undefined) throw badRequest('response_format and grammar do not go together.', 'grammar')
  if ((json || grammar !== undefined) && use.splitter() !== undefined)
    throw badRequest(
      'Answers cannot be held to a form and call tools; leave one out, or set tool_choice to "none".',
      json ? 'response_format' : 'grammar',
    )
  if (!json) return {}
  return { constraint: { schema: format.type === 'json_schema' ? format.json_schema.schema : { type: 'object' } } }
}
