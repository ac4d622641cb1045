import { type Expression, evaluate, isTrue, parseExpression } from './expression.js'

/** A text with slots: `Use {{tool.name | upper}}{{if strict}}, always{{else}}, mostly{{end}} {{one of: today * 2 | now}}.` */
export type TextPart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'value'; readonly value: Expression; readonly filters: readonly Filter[] }
  | { readonly kind: 'choice'; readonly options: readonly { readonly parts: readonly TextPart[]; readonly weight: number }[] }
  | {
      readonly kind: 'if'
      readonly branches: readonly { readonly when: Expression; readonly parts: readonly TextPart[] }[]
      readonly otherwise: readonly TextPart[]
    }

const wordsOf = (text: string): string[] => text.match(/[\p{L}\p{N}]+/gu) ?? []
const capital = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1)

const filters = {
  lower: (text: string) => text.toLowerCase(),
  upper: (text: string) => text.toUpperCase(),
  capital,
  title: (text: string) => text.replace(/\p{L}[\p{L}\p{N}']*/gu, capital),
  kebab: (text: string) => wordsOf(text).join('-').toLowerCase(),
  snake: (text: string) => wordsOf(text).join('_').toLowerCase(),
  camel: (text: string) =>
    wordsOf(text)
      .map((word, index) => (index === 0 ? word.toLowerCase() : capital(word.toLowerCase())))
      .join(''),
  pascal: (text: string) =>
    wordsOf(text)
      .map((word) => capital(word.toLowerCase()))
      .join(''),
  json: (text: string) => JSON.stringify(text),
  a: (text: string) => `${/^[aeiou]/i.test(text) ? 'an' : 'a'} ${text}`,
} as const
type Filter = keyof typeof filters
const isFilter = (name: string): name is Filter => Object.hasOwn(filters, name)

/** Reads a text with slots; a SyntaxError says what is wrong. */
export function parseTemplateText(source: string): TextPart[] {
  const pieces = source.split(/(\{\{(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|(?!\}\}).)*\}\})/s)
  let at = 0
  const parts = block()
  if (at < pieces.length) throw new SyntaxError(`${pieces[at]} has no {{if …}} before it`)
  return parts

  function block(): TextPart[] {
    const found: TextPart[] = []
    for (; at < pieces.length; at++) {
      const piece = pieces[at]!
      if (at % 2 === 0) {
        if (piece.includes('{{')) throw new SyntaxError(`"${piece.slice(piece.indexOf('{{')).slice(0, 20)}" has no }}`)
        if (piece !== '') found.push({ kind: 'text', text: piece })
        continue
      }
      const inside = piece.slice(2, -2).trim()
      if (/^(else\b|end$)/.test(inside)) break
      if (/^if\s/.test(inside)) found.push(condition(inside.slice(3)))
      else if (/^one of:/.test(inside)) found.push(choice(inside.slice(7)))
      else found.push(slotOf(inside))
    }
    return found
  }

  function condition(first: string): TextPart {
    const branches: { when: Expression; parts: TextPart[] }[] = []
    let otherwise: TextPart[] = []
    let when: Expression | undefined = parseExpression(first)
    for (;;) {
      at++
      const parts = block()
      if (when) branches.push({ when, parts })
      else otherwise = parts
      const mark = pieces[at]?.slice(2, -2).trim()
      if (mark === undefined) throw new SyntaxError(`{{if ${first.trim()}}} has no {{end}}`)
      if (mark === 'end') return { kind: 'if', branches, otherwise }
      if (when === undefined) throw new SyntaxError(`{{${mark}}} comes after {{else}}`)
      const next: RegExpExecArray | null = /^else if\s+(.+)$/s.exec(mark)
      if (next === null && mark !== 'else') throw new SyntaxError(`{{${mark}}} is neither {{else}} nor {{else if …}}`)
      when = next ? parseExpression(next[1]!) : undefined
    }
  }
}

function choice(source: string): TextPart {
  const options = source.split('|').map((option) => {
    const [, text = '', weight = '1'] = /^\s*(.*?)\s*(?:\*\s*(\d+(?:\.\d+)?))?\s*$/s.exec(option) ?? []
    // A slot inside stands between < and >, since braces do not nest.
    const parts = text
      .split(/<([\p{L}_][\p{L}\p{N}_.-]*)>/u)
      .map(
        (part, index): TextPart =>
          index % 2 === 0 ? { kind: 'text', text: part } : { kind: 'value', value: parseExpression(part), filters: [] },
      )
    return { parts, weight: Number(weight) }
  })
  return { kind: 'choice', options }
}

function slotOf(inside: string): TextPart {
  const [, literal, piped = ''] = /^("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')(.*)$/s.exec(inside) ?? []
  const [path = '', ...names] = literal === undefined ? inside.split('|') : [literal, ...piped.split('|').slice(1)]
  const used = names.map((name) => {
    const filter = name.trim()
    if (isFilter(filter)) return filter
    throw new SyntaxError(`"${filter}" is no filter; there are ${Object.keys(filters).join(', ')}`)
  })
  return { kind: 'value', value: parseExpression(path), filters: used }
}

export interface TextContext {
  lookup(path: readonly string[]): unknown
  /** The next random number in [0, 1). */
  random(): number
}

/** The text with its slots filled. */
export function renderText(parts: readonly TextPart[], context: TextContext): string {
  let out = ''
  for (const part of parts) {
    if (part.kind === 'text') out += part.text
    else if (part.kind === 'value')
      out += part.filters.reduce((text, name) => filters[name](text), textOf(evaluate(part.value, context.lookup)))
    else if (part.kind === 'choice') out += renderText(part.options[drawn(part.options, context.random())]!.parts, context)
    else
      out += renderText(
        part.branches.find(({ when }) => isTrue(evaluate(when, context.lookup)))?.parts ?? part.otherwise,
        context,
      )
  }
  return out
}

const textOf = (value: unknown): string =>
  Array.isArray(value)
    ? value.map(textOf).join(', ')
    : typeof value === 'object' && value !== null
      ? JSON.stringify(value)
      : String(value ?? '')

/** Which of some weighted options a random number means. */
export function drawn(options: readonly { readonly weight: number }[], random: number): number {
  const total = options.reduce((sum, { weight }) => sum + weight, 0)
  let left = random * total
  for (const [index, { weight }] of options.entries()) {
    left -= weight
    if (left < 0) return index
  }
  return options.length - 1
}
