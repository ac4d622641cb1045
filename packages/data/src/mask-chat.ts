import { type ChatExample, type ChatMessage, ignoreLabel, type Learn, type Tokenizer, usageError } from '@qt/core'
import { applyLearn } from './apply-learn.js'
import { chatTemplateOf, templateTokens } from './chat-template.js'
import { type RenderChatOptions, renderChat } from './render-chat.js'
import { encodeRendered } from './special-frame.js'

export interface MaskedChat {
  readonly ids: Uint32Array
  /** Not shifted: the id itself where the assistant speaks, `ignoreLabel` elsewhere. */
  readonly labels: Int32Array
  /** Every assistant turn ends in a token that stops generation; when not, the model does not learn to stop. */
  readonly endsTurns: boolean
  /** The template leaves out calls that the assistant makes as data: the model would learn to say nothing instead. */
  readonly losesCalls: boolean
}

export interface MaskChatOptions extends Pick<RenderChatOptions, 'date'> {
  /** Overrides the tokenizer's own. */
  readonly template?: string
  /** How errors name the template. */
  readonly templateName?: string
  /** What is trained on; left out: every answer. */
  readonly learn?: Learn | undefined
}

/**
 * The tokens of a conversation with loss on what the assistant says, its end token included, or on what `learn` names.
 *
 * Where turn k begins and ends is found by rendering the conversation before it (with the generation prompt) and up to it, and
 * comparing tokens with those of the whole. A template that shows an earlier turn differently once later ones follow would train
 * on text that the model never produces, and is refused.
 *
 * @example
 * ```ts
 * const { ids, labels } = maskChat({ messages }, tokenizer)
 * labels.filter((label) => label !== -100).length // tokens with loss
 * ```
 */
export function maskChat(example: ChatExample, tokenizer: Tokenizer, options: MaskChatOptions = {}): MaskedChat {
  const { messages, roles } = applyLearn(example.messages, options.learn)
  const template = options.template ?? chatTemplateOf(tokenizer)
  const settings: RenderChatOptions = {
    ...templateTokens(tokenizer),
    ...(example.tools ? { tools: example.tools } : {}),
    ...(options.date ? { date: options.date } : {}),
  }
  const render = (turns: number, addGenerationPrompt: boolean) =>
    renderChat(messages.slice(0, turns), template, { ...settings, addGenerationPrompt })
  const encode = (text: string) => encodeRendered(text, tokenizer)

  const whole = render(messages.length, false)
  const ids = encode(whole)
  const labels = new Int32Array(ids.length).fill(ignoreLabel)
  let [endsTurns, losesCalls] = [true, false]
  for (const [turn, message] of messages.entries()) {
    if (!roles.has(message.role) || message.weight === 0) continue
    const answers = message.role === 'assistant'
    const before = render(turn, answers)
    // A character of the answer may merge with the last of the prompt; the merged token is the answer's.
    const start = whole.startsWith(before) ? common(encode(before), ids) : undefined
    const end = turn === messages.length - 1 ? ids.length : endOf(encode(render(turn + 1, false)))
    if (start === undefined || end === undefined || end < start) throw rewrites(turn, options.templateName)
    const last = lastTrained(start, end)
    losesCalls ||= message.toolCalls?.some(({ name }) => !whole.includes(name, before.length)) ?? false
    if (answers) endsTurns &&= last.ended
    for (const [from, to] of learnedOf(message, before, { start, end: last.end }, turn))
      for (let i = from; i < to; i++) labels[i] = ids[i]!
  }
  return { ids, labels, endsTurns, losesCalls }

  /** The tokens of a turn that count: all of them, or those of the parts that it names. */
  function learnedOf(
    // What nobody generates has its name before it, which is not learned.
    { role, content, learn = role === 'assistant' ? undefined : [[0, content.length]] }: ChatMessage,
    before: string,
    { start, end }: { start: number; end: number },
    turn: number,
  ) {
    if (learn === undefined) return [[start, end]] as const
    const at = whole.slice(0, render(turn + 1, false).length).indexOf(content, before.length)
    if (at === -1) throw changes(turn, options.templateName)
    const tokenAt = (offset: number) => Math.min(end, Math.max(start, common(encode(whole.slice(0, at + offset)), ids)))
    return learn.map(([from, to]) => [tokenAt(from), to >= content.length ? end : tokenAt(to)] as const)
  }

  /** Where a turn ends in the whole: all of its tokens are there, but for an end token put after the last turn only. */
  function endOf(upTo: Uint32Array): number | undefined {
    const end = common(upTo, ids)
    for (let i = end; i < upTo.length; i++) if (!isTail(upTo[i]!)) return undefined
    return end
  }

  function isTail(id: number): boolean {
    return tokenizer.endIds.has(id) || tokenizer.decode([id], { special: true }).trim() === ''
  }

  /** Generation stops at the first end token: line breaks and further end tokens after it are never produced, so not learned. */
  function lastTrained(start: number, end: number): { end: number; ended: boolean } {
    let first: number | undefined
    for (let i = end - 1; i >= start && isTail(ids[i]!); i--) if (tokenizer.endIds.has(ids[i]!)) first = i
    return first === undefined ? { end, ended: false } : { end: first + 1, ended: true }
  }
}

/** Length of the common beginning. */
function common(a: Uint32Array, b: Uint32Array): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return i
  return length
}

const changes = (turn: number, name = 'of this model') =>
  usageError(
    'CHAT_TEMPLATE_CHANGES',
    `The chat template ${name} changes the content of message ${turn + 1}, so its parts are not found.`,
    {
      actions: [
        'Leave "learn" out of that message, or write its content as the template prints it (often without spaces around).',
      ],
    },
  )

const rewrites = (turn: number, name = 'of this model') =>
  usageError(
    'CHAT_TEMPLATE_REWRITES',
    `The chat template ${name} rewrites history: message ${turn + 1} reads differently once later messages follow.`,
    {
      actions: [
        'Split the conversation so that each example ends with the only assistant turn that follows its last question.',
        'Use a model whose template keeps earlier turns as they were.',
      ],
    },
  )
