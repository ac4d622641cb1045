import type { ToolCall, ToolDefinition } from '@qt/core'
import { readRelaxed } from './relaxed-json.js'

export interface ParseStructuredOptions {
  /** With them elements named like a tool (`<roll skill="stealth"/>`) and Python calls of tools (`roll(skill="stealth")`) count too. */
  readonly tools?: readonly ToolDefinition[]
}

type Fields = Readonly<Record<string, unknown>>

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

/** `<function=roll>…`, `<invoke name="roll">…`, `<function name="roll">…` with `<parameter …>` inside. */
const element =
  /<(?:function|invoke|tool|call)(?:=|\s+name\s*=\s*)["']?([\w.-]+)["']?\s*>([\s\S]*?)(?:<\/(?:function|invoke|tool|call)>|$)/g
const parameter =
  /<(?:parameter|param|arg|argument)(?:=|\s+name\s*=\s*)["']?([\w.-]+)["']?\s*>([\s\S]*?)<\/(?:parameter|param|arg|argument)>/g
const attribute = /([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g

/**
 * The calls that a text makes as data, in order: JSON alone, in fences or after text, Hermes' `<tool_call>`, Mistral's `[TOOL_CALLS]`,
 * Llama's `parameters`, OpenAI's `tool_calls`, elements with parameters, and Python calls. Tolerant: see the forms of JSON that
 * models write; what is cut at the end is read as far as it goes.
 *
 * @example
 * ```ts
 * parseStructuredCalls('<tool_call>{"name": "roll", "arguments": {"skill": "stealth"}}</tool_call>')
 * // [{ name: 'roll', arguments: { skill: 'stealth' } }]
 * ```
 */
export function parseStructuredCalls(text: string, { tools = [] }: ParseStructuredOptions = {}): ToolCall[] {
  const found: { readonly at: number; readonly call: ToolCall }[] = []
  let rest = text
  const blank = (from: number, to: number) => {
    rest = rest.slice(0, from) + ' '.repeat(to - from) + rest.slice(to)
  }
  for (const match of text.matchAll(element)) {
    const [whole, name = '', inside = ''] = match
    found.push({ at: match.index, call: { name, arguments: parametersOf(inside) } })
    blank(match.index, match.index + whole.length)
  }
  for (let at = 0; at < rest.length; ) {
    if (rest[at] !== '{' && rest[at] !== '[') {
      at++
      continue
    }
    const read = readRelaxed(rest, at)
    const calls = read ? callsOf(read.value) : []
    for (const call of calls) found.push({ at, call })
    if (read && calls.length > 0) blank(at, read.end)
    at = read && calls.length > 0 ? read.end : at + 1
  }
  for (const tool of tools) found.push(...elementsOf(rest, tool), ...pythonCalls(rest, tool))
  return found.sort((a, b) => a.at - b.at).map(({ call }) => call)
}

/** JSON, or text, in `<parameter>` elements; else the whole inside as JSON. */
function parametersOf(inside: string): Record<string, unknown> {
  const fields = [...inside.matchAll(parameter)].map(([, name, text]) => [name!, parsedText(text!)] as const)
  if (fields.length > 0) return Object.fromEntries(fields)
  const brace = inside.indexOf('{')
  const read = brace < 0 ? undefined : readRelaxed(inside, brace)?.value
  return isFields(read) ? { ...read } : {}
}

/** A text that is a whole number, truth value, list or object is that. */
function parsedText(text: string): unknown {
  const plain = text.replace(/^\n|\n$/g, '')
  if (!/^\s*(?:[-+]?[\d.]+(?:[eE][-+]?\d+)?|true|false|null|True|False|None|\[[\s\S]*\]|\{[\s\S]*\})\s*$/.test(plain))
    return plain
  const read = readRelaxed(plain, 0)
  return read && plain.slice(read.end).trim() === '' ? read.value : plain
}

/** The calls that a JSON value is, whichever way it is put. */
function callsOf(value: unknown): ToolCall[] {
  if (Array.isArray(value)) {
    const calls = value.map(callsOf)
    return calls.length > 0 && calls.every((list) => list.length > 0) ? calls.flat() : []
  }
  if (!isFields(value)) return []
  const many = value.tool_calls ?? value.toolCalls
  if (Array.isArray(many)) return many.flatMap(callsOf)
  const inner = value.function ?? value.function_call
  if (isFields(inner)) return callsOf(inner)
  const name = value.name ?? value.tool ?? value.tool_name ?? (typeof inner === 'string' ? inner : value.action)
  const given = value.arguments ?? value.parameters ?? value.args ?? value.input ?? value.action_input
  if (typeof name !== 'string' || name === '') return []
  if (given === undefined)
    return Object.keys(value).every((key) => ['name', 'tool', 'function', 'id', 'type'].includes(key))
      ? [{ name, arguments: {} }]
      : []
  const read = typeof given === 'string' ? readRelaxed(given, 0)?.value : given
  const id = typeof value.id === 'string' ? { id: value.id } : {}
  return isFields(read) || given === '' || given === null ? [{ ...id, name, arguments: isFields(read) ? { ...read } : {} }] : []
}

const quoted = (name: string): string => name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** `<roll skill="stealth"/>`, `<roll>{"skill": "stealth"}</roll>`, `<roll><skill>stealth</skill></roll>`. */
function elementsOf(text: string, { name, parameters }: ToolDefinition) {
  const pattern = new RegExp(
    `<${quoted(name)}((?:\\s+[\\w-]+\\s*=\\s*(?:"[^"]*"|'[^']*'))*)\\s*(?:/>|>([\\s\\S]*?)</${quoted(name)}>)`,
    'g',
  )
  return [...text.matchAll(pattern)].map((match) => {
    const [, attributes = '', inside = ''] = match
    const named = [...attributes.matchAll(attribute)].map(
      ([, key, double, single]) => [key!, parsedText(double ?? single ?? '')] as const,
    )
    const known = isFields(parameters?.properties) ? Object.keys(parameters.properties) : []
    const children = known.flatMap((key) => {
      const child = new RegExp(`<${quoted(key)}>([\\s\\S]*?)</${quoted(key)}>`).exec(inside)?.[1]
      return child === undefined ? [] : [[key, parsedText(child)] as const]
    })
    return {
      at: match.index,
      call: { name, arguments: { ...parametersOf(inside), ...Object.fromEntries([...named, ...children]) } },
    }
  })
}

/** `roll(skill="stealth")`; arguments without a name go by the order of the tool's parameters. */
function pythonCalls(text: string, { name, parameters }: ToolDefinition) {
  const known = isFields(parameters?.properties) ? Object.keys(parameters.properties) : []
  const calls: { at: number; call: ToolCall }[] = []
  for (const match of text.matchAll(new RegExp(`(?<![\\w.])${quoted(name)}\\(`, 'g'))) {
    const given: Record<string, unknown> = {}
    let at = match.index + match[0].length
    for (let position = 0; ; position++) {
      const key = /^\s*([A-Za-z_]\w*)\s*=(?!=)\s*/.exec(text.slice(at))
      at += key?.[0].length ?? 0
      const read = /^\s*\)/.test(text.slice(at)) ? undefined : readRelaxed(text, at)
      if (!read) break
      given[key?.[1] ?? known[position] ?? String(position)] = read.value
      at = read.end
      const comma = /^\s*,/.exec(text.slice(at))
      if (!comma) break
      at += comma[0].length
    }
    if (/^\s*(?:\)|$)/.test(text.slice(at))) calls.push({ at: match.index, call: { name, arguments: given } })
  }
  return calls
}
