import { Environment, Interpreter, Template } from '@huggingface/jinja'
import { type ChatMessage, messageOf, type ToolDefinition, usageError } from '@qt/core'
import { strftime } from './strftime.js'

export interface RenderChatOptions {
  /** Ends the text where the assistant's next turn begins. */
  readonly addGenerationPrompt?: boolean
  readonly tools?: readonly ToolDefinition[]
  readonly bosToken?: string
  readonly eosToken?: string
  /** What templates take for today; default now. Fix it where the same input must give the same text. */
  readonly date?: Date
}

/**
 * A conversation as the text that a model reads, by the Jinja template of the model.
 *
 * @example
 * ```ts
 * const template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
 * renderChat([{ role: 'user', content: 'Hello' }], template, { addGenerationPrompt: true }) // '<user>Hello<assistant>'
 * ```
 */
export function renderChat(messages: readonly ChatMessage[], template: string, options: RenderChatOptions = {}): string {
  const parsed = parsedTemplate(template)
  const environment = new Environment(globals(options.date ?? new Date()))
  const values = {
    messages: messages.map(templateMessage),
    ...(options.tools?.length ? { tools: options.tools.map((tool) => ({ type: 'function', function: { ...tool } })) } : {}),
    add_generation_prompt: options.addGenerationPrompt ?? false,
    bos_token: options.bosToken ?? '',
    eos_token: options.eosToken ?? '',
  }
  for (const [key, value] of Object.entries(values)) environment.set(key, value)
  try {
    return String(new Interpreter(environment).run(parsed.parsed).value)
  } catch (cause) {
    throw usageError('CHAT_TEMPLATE_REFUSED', `The chat template refuses this conversation: ${messageOf(cause)}`, {
      actions: ['Change the conversation to what the template allows (roles, their order, a system message, tools).'],
      cause,
    })
  }
}

/** Python's names: `tool_calls` of `{ type, function }`, present only where there are some, as templates test for the key. */
const templateMessage = ({ role, content, name, toolCalls, toolCallId }: ChatMessage) => ({
  role,
  content,
  ...(name === undefined ? {} : { name }),
  ...(toolCallId === undefined ? {} : { tool_call_id: toolCallId }),
  ...(toolCalls?.length
    ? {
        tool_calls: toolCalls.map((call) => ({
          ...(call.id === undefined ? {} : { id: call.id }),
          type: 'function',
          function: { name: call.name, arguments: call.arguments },
        })),
      }
    : {}),
})

/** Compiled templates; one process works with a few. */
const compiled = new Map<string, Template>()

function parsedTemplate(text: string): Template {
  const known = compiled.get(text)
  if (known) return known
  try {
    const template = new Template(text)
    if (compiled.size >= 16) compiled.clear()
    compiled.set(text, template)
    return template
  } catch (cause) {
    throw usageError('CHAT_TEMPLATE_INVALID', `The chat template is not valid Jinja: ${messageOf(cause)}`, {
      actions: ['Correct the template: chat_template in tokenizer_config.json, tokenizer.chat_template in a GGUF.'],
      cause,
    })
  }
}

/** The names that Transformers gives every template; the date is an argument, not the machine's clock and locale. */
function globals(date: Date): Environment {
  const environment = new Environment()
  for (const [value, ...names] of [
    [true, 'true', 'True'],
    [false, 'false', 'False'],
    [null, 'none', 'None'],
  ] as const)
    for (const name of names) environment.set(name, value)
  environment.set('raise_exception', (message: unknown) => {
    throw new Error(String(message))
  })
  environment.set('range', (start: number, stop?: number, step = 1) => {
    const [from, to] = stop === undefined ? [0, start] : [start, stop]
    return Array.from({ length: Math.max(0, Math.ceil((to - from) / step)) }, (_, index) => from + index * step)
  })
  environment.set('strftime_now', (format: string) => strftime(date, format))
  return environment
}
