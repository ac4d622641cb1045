import type { ChatMessage, GenerateOptions, LanguageModel } from '@qt/core'
import { badRequest } from '../http/api-error.js'
import type { ToolForm } from '../options.js'
import type { ChatRequest, RequestTool } from '../request/chat.js'
import { bracketSplitter, callGrammar, callsConstraint, writtenCall } from './brackets.js'
import type { MadeCall, Splitter } from './calls.js'
import { jsonCallConstraint, jsonSplitter, tagSplitter } from './tags.js'

/** How the tools of a request are offered to a model, and its calls found. */
export interface ToolUse {
  readonly options: Pick<GenerateOptions, 'tools' | 'constraint'>
  /** One for each answer. */
  splitter(): Splitter | undefined
  /** Calls made before, as this model reads them in its messages. */
  said(text: string, calls: readonly MadeCall[], ids: readonly string[]): Pick<ChatMessage, 'content' | 'toolCalls'>
}

/** The form that suits a model: its template's own, where it has one for tools. */
export const formOf = (model: LanguageModel, form: ToolForm): 'brackets' | 'template' =>
  form !== 'auto' ? form : /\btools\b/.test(model.tokenizer?.chatTemplate ?? '') ? 'template' : 'brackets'

export function useTools(request: ChatRequest, model: LanguageModel, form: 'brackets' | 'template'): ToolUse {
  const offered = request.tools ?? []
  const choice = request.tool_choice ?? (offered.length > 0 ? 'auto' : 'none')
  if (choice !== 'none' && choice !== 'auto' && offered.length === 0) throw badRequest('tool_choice needs tools.', 'tool_choice')
  const tools = typeof choice === 'string' ? offered : offered.filter((tool) => tool.function.name === choice.function.name)
  if (typeof choice !== 'string' && tools.length === 0)
    throw badRequest(`tool_choice names "${choice.function.name}", which is none of the tools.`, 'tool_choice')
  if (new Set(offered.map(({ function: { name } }) => name)).size < offered.length)
    throw badRequest('Two tools have the same name.', 'tools')
  const used = choice === 'none' ? [] : tools
  const must = used.length > 0 && choice !== 'auto'
  return form === 'brackets' ? inBrackets(offered, used, must, model) : byTemplate(used, must)
}

function inBrackets(offered: readonly RequestTool[], used: readonly RequestTool[], must: boolean, model: LanguageModel): ToolUse {
  // Models that are not ours cannot be held to anything; their calls are still found.
  const held = used.length > 0 && model.tokenizer?.bytes !== undefined
  return {
    options: held ? { constraint: must ? callGrammar(used) : callsConstraint(used) } : {},
    splitter: () => (used.length > 0 ? bracketSplitter(used) : undefined),
    said: (text, calls) => ({
      content: [text, ...calls.map((call) => writtenCall(call, offered))].filter((part) => part !== '').join(' '),
    }),
  }
}

const byTemplate = (used: readonly RequestTool[], must: boolean): ToolUse => ({
  options: {
    ...(used.length > 0
      ? {
          tools: used.map(({ function: { name, description, parameters } }) => ({
            name,
            ...(description === undefined ? {} : { description }),
            ...(parameters === undefined ? {} : { parameters }),
          })),
        }
      : {}),
    ...(must ? { constraint: jsonCallConstraint(used) } : {}),
  },
  splitter: () => (used.length === 0 ? undefined : must ? jsonSplitter() : tagSplitter()),
  said: (content, calls, ids) => ({
    content,
    ...(calls.length > 0
      ? { toolCalls: calls.map(({ name, arguments: given }, i) => ({ id: ids[i]!, name, arguments: { ...given } })) }
      : {}),
  }),
})
