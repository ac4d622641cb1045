import { badRequest } from '../http/api-error.js'
import { eventStream } from '../http/event-stream.js'
import { completionRequest } from '../request/completion.js'
import { parseRequest } from '../request/parse.js'
import { generateOptions } from '../request/sampling.js'
import { answerOf, begin, type Ending, finishReason, follow, followAll, usageOf } from './answer.js'
import { completionLogprobs } from './completion-logprobs.js'
import { type Context, sendJson, servedModel } from './context.js'
import { type ScoredToken, scoreTokens } from './echo.js'
import { promptsOf, requireSameIds, type TextPrompt } from './prompts.js'
import { tokenizerOf } from './token-text.js'

/** OpenAI's, where a request names no length. */
const usualTokens = 16

/** POST /v1/completions */
export async function completions(context: Context, body: unknown): Promise<void> {
  const request = parseRequest(completionRequest, body)
  const { id, model } = servedModel(context, request.model)
  const { echo = false, logprobs } = request
  const prompts = promptsOf(request.prompt, model, context.limits.choices)
  const maxTokens = request.max_tokens ?? Math.min(usualTokens, context.limits.maxTokens)
  if (maxTokens === 0 && !echo) throw badRequest('max_tokens can be 0 only with echo.', 'max_tokens')
  if (maxTokens > 0) for (const prompt of prompts) requireSameIds(prompt, model)
  const tokenizer = logprobs === undefined ? undefined : tokenizerOf(model, 'logprobs')
  const options = generateOptions(request, maxTokens, context)
  if (prompts.length * options.length > context.limits.choices)
    throw badRequest(`There can be ${context.limits.choices} answers at most: prompts times n.`, 'n')
  const { signal } = context
  const leave = await context.gate.enter(signal)
  try {
    const asked = prompts.flatMap((prompt) => options.map((one) => ({ prompt, options: { ...one, signal } })))
    // By the prompt, not its text: other ids may have the same.
    const scored = new Map<TextPrompt, ScoredToken[]>()
    if (echo && tokenizer)
      for (const prompt of prompts) {
        const ids = prompt.ids ?? tokenizer.encode(prompt.text, { special: true })
        scored.set(prompt, await scoreTokens(model, ids, logprobs ?? 0, signal))
      }
    const begun =
      maxTokens === 0 ? [] : await begin(asked.map(({ prompt, options }) => answerOf(model, prompt.text, options, logprobs)))
    const head = { id: `cmpl-${context.requestId}`, object: 'text_completion', created: Math.floor(Date.now() / 1000), model: id }
    const before = (index: number) => {
      const { prompt } = asked[index]!
      return echo ? { text: prompt.text, tokens: scored.get(prompt) ?? [] } : { text: '', tokens: [] }
    }
    const logprobsOf = (tokens: readonly ScoredToken[], from: number) =>
      tokenizer ? completionLogprobs(tokenizer, tokens, logprobs ?? 0, from) : null
    const usage = (endings: readonly Ending[]) =>
      maxTokens > 0
        ? usageOf(prompts.map((_, i) => endings.slice(i * options.length, (i + 1) * options.length)))
        : promptUsage(prompts.map((prompt) => scored.get(prompt)?.length))

    if (!request.stream) {
      const endings: Ending[] = []
      const choices = await followAll(
        asked,
        async (_, index) => {
          const { text, tokens } = before(index)
          let answer = text
          const all: ScoredToken[] = [...tokens]
          if (maxTokens > 0) {
            const ending = await follow(begun[index]!, (part) => {
              answer += part.text
              all.push(...part.tokens)
            })
            all.push(...ending.tokens)
            endings[index] = ending
          }
          const reason = maxTokens > 0 ? finishReason(endings[index]!) : 'length'
          return { index, text: answer, logprobs: logprobsOf(all, 0), finish_reason: reason }
        },
        begun,
      )
      const counted = usage(endings)
      return sendJson(context.response, 200, { ...head, choices, ...(counted ? { usage: counted } : {}) })
    }

    const events = eventStream(context.response, signal)
    const withUsage = request.stream_options?.include_usage === true
    const endings = await followAll(
      asked,
      async (_, index) => {
        let offset = 0
        const send = async (text: string, tokens: readonly ScoredToken[], finish_reason: string | null) => {
          const logprobs = tokens.length > 0 ? logprobsOf(tokens, offset) : null
          offset += text.length
          const choices = [{ index, text, logprobs, finish_reason }]
          await events.send({ ...head, choices, ...(withUsage ? { usage: null } : {}) })
        }
        const { text, tokens } = before(index)
        if (echo) await send(text, tokens, maxTokens === 0 ? 'length' : null)
        if (maxTokens === 0) return undefined
        const ending = await follow(begun[index]!, (part) => send(part.text, part.tokens, null))
        await send('', ending.tokens, finishReason(ending))
        return ending
      },
      begun,
    )
    const counted = withUsage ? usage(endings.flatMap((one) => one ?? [])) : undefined
    if (counted) await events.send({ ...head, choices: [], usage: counted })
    events.end()
  } finally {
    leave()
  }
}

/** Of prompts that were only scored. */
function promptUsage(lengths: readonly (number | undefined)[]) {
  let total = 0
  for (const length of lengths) {
    if (length === undefined) return undefined
    total += length
  }
  return { prompt_tokens: total, completion_tokens: 0, total_tokens: total }
}
