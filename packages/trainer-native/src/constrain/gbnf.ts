import { usageError } from '@qt/core'
import { choice, type Expression, type Rules, repeat, rule, sequence, text } from './expression.js'

const mostRepeats = 2000
const space = /(?:[ \t\r\n]|#[^\n]*)*/y
const ruleStart = /([A-Za-z][A-Za-z0-9_-]*)(?:[ \t\r\n]|#[^\n]*)*::=/y
const name = /[A-Za-z][A-Za-z0-9_-]*/y
const counts = /\{\s*(\d+)\s*(,)?\s*(\d+)?\s*\}/y
const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' }

/**
 * Reads a grammar as llama.cpp writes them (GBNF): `root ::= "yes" | [0-9]+ ws`, with groups, `*`, `+`, `?`, `{2,5}`, classes,
 * `.` and comments. https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md
 */
export function readGrammar(source: string, file?: string): Rules {
  let at = 0

  function refuse(message: string, action: string): never {
    const line = source.slice(0, at).split('\n').length
    throw usageError('GRAMMAR_INVALID', message, { where: { line, ...(file === undefined ? {} : { file }) }, actions: [action] })
  }
  function take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = at
    const match = pattern.exec(source)
    if (match) at += match[0].length
    return match
  }
  const skip = () => take(space)
  const next = () => source[at]

  /** One character of a literal or a class, escapes read. */
  function character(inside: string): string {
    const point = source.codePointAt(at)
    if (point === undefined || next() === '\n') refuse(`${inside} is not closed.`, 'Close it on the line where it begins.')
    const plain = String.fromCodePoint(point)
    at += plain.length
    if (plain !== '\\') return plain
    const code = take(/x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}/y)
    if (code) return String.fromCodePoint(Math.min(Number.parseInt(code[0].slice(1), 16), 0x10ffff))
    const escaped = next() ?? ''
    at += escaped.length
    return escapes[escaped] ?? escaped
  }

  function literal(): Expression {
    at++
    let out = ''
    while (next() !== '"') out += character('A text')
    at++
    return text(out)
  }

  function characters(): Expression {
    at++
    const negated = next() === '^'
    if (negated) at++
    const ranges: [number, number][] = []
    while (next() !== ']') {
      const from = character('A class').codePointAt(0)!
      const ranged = next() === '-' && source[at + 1] !== ']'
      if (ranged) at++
      const to = ranged ? character('A class').codePointAt(0)! : from
      if (to < from) refuse('A range of characters runs backwards.', 'Put the smaller end first: [a-z].')
      ranges.push([from, to])
    }
    at++
    return { kind: 'class', ranges, negated }
  }

  function single(): Expression | undefined {
    switch (next()) {
      case '"':
        return literal()
      case '[':
        return characters()
      case '.':
        at++
        return { kind: 'class', ranges: [], negated: true }
      case '(': {
        at++
        const inner = alternatives()
        skip()
        if (next() !== ')') refuse('A parenthesis is not closed.', 'Close it with ")".')
        at++
        return inner
      }
    }
    ruleStart.lastIndex = at
    if (ruleStart.test(source)) return undefined // the next rule
    const found = take(name)
    return found ? rule(found[0]) : undefined
  }

  function repeated(item: Expression): Expression {
    const sign = next()
    if (sign === '*' || sign === '+' || sign === '?') {
      at++
      return repeated(repeat(item, sign === '+' ? 1 : 0, sign === '?' ? 1 : Number.POSITIVE_INFINITY))
    }
    const count = take(counts)
    if (!count) {
      if (sign === '{') refuse('A repetition is not understood.', 'Write {2}, {2,} or {2,5}.')
      return item
    }
    const from = Number(count[1])
    const to = count[3] !== undefined ? Number(count[3]) : count[2] ? Number.POSITIVE_INFINITY : from
    if (to < from || from > mostRepeats || (Number.isFinite(to) && to > mostRepeats))
      refuse(`A repetition of ${count[0]} is out of range.`, `Give a smaller number first, and at most ${mostRepeats}.`)
    return repeated(repeat(item, from, to))
  }

  function items(): Expression {
    const list: Expression[] = []
    for (;;) {
      skip()
      const item = single()
      if (!item) return list.length === 1 ? list[0]! : sequence(...list)
      list.push(repeated(item))
    }
  }

  function alternatives(): Expression {
    const list = [items()]
    for (skip(); next() === '|'; skip()) {
      at++
      list.push(items())
    }
    return list.length === 1 ? list[0]! : choice(...list)
  }

  const rules = new Map<string, Expression>()
  for (skip(); at < source.length; skip()) {
    const start = take(ruleStart)
    if (!start)
      refuse(`A rule cannot begin with ${JSON.stringify(source.slice(at, at + 12))}.`, 'Write: name ::= "text" | [a-z]+')
    if (rules.has(start![1]!)) refuse(`The rule "${start![1]}" is defined twice.`, 'Join both with "|".')
    rules.set(start![1]!, alternatives())
  }
  return { root: 'root', rules }
}
