import type { CallableTool } from '@qt/core'
import { choice, type Expression, noneOf, optional, type Rules, repeat, sequence, text } from './expression.js'

/**
 * Free text in which every square bracket is a call of a known tool: `[name]` or `[name: argument, argument]`. Arguments are free text,
 * or one of the values that the tool lists for them.
 */
export function callGrammar(tools: readonly CallableTool[]): Rules {
  const free = repeat(noneOf('[', ']', ',', '\n'), 1)
  const any = optional(sequence(text(': '), free, repeat(sequence(text(', '), free), 0)))
  const call = ({ name, arguments: listed }: CallableTool): Expression => {
    if (listed === undefined) return sequence(text(name), any)
    // From the last one backwards: an optional argument takes those after it along.
    const rest = listed.reduceRight((after, { values, optional: mayBeLeftOut }, i) => {
      const argument = sequence(text(i === 0 ? ': ' : ', '), values ? choice(...values.map(text)) : free, after)
      return mayBeLeftOut ? optional(argument) : argument
    }, text(''))
    return sequence(text(name), rest)
  }
  const calls = sequence(text('['), choice(...tools.map(call)), text(']'))
  const prose = noneOf('[', ']')
  return { root: 'root', rules: new Map([['root', repeat(tools.length ? choice(prose, calls) : prose, 0)]]) }
}
