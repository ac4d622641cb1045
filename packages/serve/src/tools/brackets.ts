import type { Constraint } from '@qt/core'
import { type BracketCall, parseToolCalls, printCall } from '@qt/eval'
import type { RequestTool } from '../request/chat.js'
import { endBefore, type MadeCall, type Parameter, type Piece, parametersOf, type Splitter, sameName } from './calls.js'

/** As a tool's name stands in brackets. */
const spoken = (name: string): string => name.replaceAll('_', ' ')

const whole = /\[[^[\]\n]{1,200}\]/
const open = /^\[[^\]\n]{0,200}$/

/** Where the part begins that may yet become a call, with the blanks before it. */
function heldFrom(text: string): number {
  const at = text.lastIndexOf('[')
  return endBefore(text, at >= 0 && open.test(text.slice(at)) ? at : text.length)
}

/** Calls in brackets: `[roll: perception]`. Brackets that name none of the tools are text. */
export function bracketSplitter(tools: readonly RequestTool[]): Splitter {
  const declared = tools.flatMap(({ function: { name } }) => [{ name }, { name: spoken(name) }])
  let held = ''

  function asCall(text: string): MadeCall | undefined {
    const [call] = parseToolCalls(text, { tools: declared })
    const tool = call && tools.find(({ function: { name } }) => sameName(name, call.name))
    return tool && { name: tool.function.name, arguments: namedArguments(call, parametersOf(tool)) }
  }
  const text = (piece: string): Piece[] => (piece === '' ? [] : [{ text: piece }])

  return {
    push(more) {
      held += more
      const pieces: Piece[] = []
      for (let match = whole.exec(held); match; match = whole.exec(held)) {
        const [from, to] = [endBefore(held, match.index), match.index + match[0].length]
        pieces.push(...text(held.slice(0, from)))
        const call = asCall(match[0])
        pieces.push(...(call ? [{ call }] : text(held.slice(from, to))))
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
      const call = cut ? undefined : asCall(rest)
      return call ? [{ call }] : text(rest)
    },
  }
}

/** Arguments go by position: the names are those of the tool's schema, in its order. */
function namedArguments(
  { arguments: given }: BracketCall,
  parameters: readonly Parameter[] | undefined,
): Record<string, unknown> {
  if (given.length === 0) return {}
  if (!parameters?.length) return { arguments: given }
  const last = parameters.length - 1
  const joined = given.length > parameters.length ? [...given.slice(0, last), given.slice(last).join(', ')] : given
  return Object.fromEntries(joined.map((value, i) => [parameters[i]!.name, typed(value, parameters[i]!.type)]))
}

function typed(text: string, type: unknown): unknown {
  if (type === 'boolean' && /^(true|false)$/i.test(text)) return text.toLowerCase() === 'true'
  if (type !== 'number' && type !== 'integer') return text
  const number = Number(text.replace('\u2212', '-'))
  return text !== '' && Number.isFinite(number) ? number : text
}

/** A call that was made before, as the model wrote it. */
export function writtenCall({ name, arguments: given }: MadeCall, tools: readonly RequestTool[]): string {
  const tool = tools.find((one) => one.function.name === name)
  const order = (tool && parametersOf(tool)?.map((one) => one.name)) ?? Object.keys(given)
  const values = order.filter((key) => key in given).map((key) => given[key])
  const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))
  return printCall({ name: spoken(name), arguments: values.map(text) })
}

/** Free text in which brackets are calls of these tools. */
export const callsConstraint = (tools: readonly RequestTool[]): Constraint => ({
  calls: tools.map((tool) => {
    const parameters = parametersOf(tool)
    return { name: spoken(tool.function.name), ...(parameters === undefined ? {} : { arguments: parameters }) }
  }),
})

/** One call and nothing else, as a grammar. */
export function callGrammar(tools: readonly RequestTool[]): Constraint {
  const literal = (text: string) => JSON.stringify(text)
  const argument = ({ values }: Parameter) => (values ? `(${values.map(literal).join(' | ')})` : 'free')
  const call = (tool: RequestTool): string => {
    const parameters = parametersOf(tool)
    const rest =
      parameters === undefined
        ? '(": " free (", " free)*)?'
        : parameters.reduceRight((after, parameter, i) => {
            const part = `${literal(i === 0 ? ': ' : ', ')} ${argument(parameter)} ${after}`
            return parameter.optional ? `(${part})?` : part
          }, '')
    return `${literal(spoken(tool.function.name))} ${rest}`
  }
  return { grammar: `root ::= "[" (${tools.map(call).join(' | ')}) "]"\nfree ::= [^\\[\\],\\n]+\n` }
}
