import type { Constraint } from '@qt/core'
import type { RequestTool } from '../request/chat.js'
import { endBefore, type MadeCall, type Piece, type Splitter } from './calls.js'

const start = '<tool_call>'
const stop = '</tool_call>'

/** Calls as many chat templates (Hermes, Qwen) lay them down: `<tool_call>{"name": …, "arguments": {…}}</tool_call>`. */
export function tagSplitter(): Splitter {
  let held = ''
  const text = (piece: string): Piece[] => (piece === '' ? [] : [{ text: piece }])
  const asPiece = (whole: string): Piece => {
    const call = jsonCall(whole.trim().slice(start.length).replace(stop, ''))
    return call ? { call } : { text: whole }
  }
  return {
    push(more) {
      held += more
      const pieces: Piece[] = []
      for (;;) {
        const at = held.indexOf(start)
        const close = at < 0 ? -1 : held.indexOf(stop, at + start.length)
        if (close < 0) break
        const [from, to] = [endBefore(held, at), close + stop.length]
        pieces.push(...text(held.slice(0, from)), asPiece(held.slice(from, to)))
        held = held.slice(to)
      }
      const from = heldFrom(held)
      pieces.push(...text(held.slice(0, from)))
      held = held.slice(from)
      return pieces
    },
    end(cut) {
      const rest = held
      held = ''
      return !cut && rest.trim().startsWith(start) ? [asPiece(rest)] : text(rest)
    },
  }
}

/** Where the part begins that may yet become a call, with the blanks before it. */
function heldFrom(text: string): number {
  let at = text.indexOf(start)
  for (let length = start.length - 1; at < 0 && length > 0; length--)
    if (text.endsWith(start.slice(0, length))) at = text.length - length
  return endBefore(text, at < 0 ? text.length : at)
}

/** The whole answer is one call in JSON. */
export function jsonSplitter(): Splitter {
  let held = ''
  return {
    push(more) {
      held += more
      return []
    },
    end() {
      const call = jsonCall(held)
      return call ? [{ call }] : held === '' ? [] : [{ text: held }]
    },
  }
}

function jsonCall(text: string): MadeCall | undefined {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || !('name' in value) || typeof value.name !== 'string') return undefined
    const given: unknown = 'arguments' in value ? value.arguments : {}
    if (typeof given !== 'object' || given === null || Array.isArray(given)) return undefined
    return { name: value.name, arguments: Object.fromEntries(Object.entries(given)) }
  } catch {
    return undefined
  }
}

/** One call of one of the tools, in JSON. */
export const jsonCallConstraint = (tools: readonly RequestTool[]): Constraint => ({
  schema: {
    anyOf: tools.map(({ function: { name, parameters } }) => ({
      type: 'object',
      properties: { name: { const: name }, arguments: parameters ?? { type: 'object' } },
      required: ['name', 'arguments'],
      additionalProperties: false,
    })),
  },
})
