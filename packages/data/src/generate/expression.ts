/** A condition or a value in a template: `language == 'ts' and size > 3`, `tool.name`, `tag in ['a', 'b']`. */
export type Expression =
  | { readonly kind: 'literal'; readonly value: string | number | boolean }
  | { readonly kind: 'path'; readonly path: readonly string[] }
  | { readonly kind: 'list'; readonly items: readonly Expression[] }
  | { readonly kind: 'not'; readonly of: Expression }
  | { readonly kind: 'binary'; readonly operator: Operator; readonly left: Expression; readonly right: Expression }

const operators = ['or', 'and', 'in', '==', '!=', '<=', '>=', '<', '>'] as const
type Operator = (typeof operators)[number]

const tokenPattern =
  /\s*(?:("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(-?\d+(?:\.\d+)?)|(==|!=|<=|>=|[<>()[\],])|([\p{L}_][\p{L}\p{N}_.-]*))/uy

function tokensOf(source: string): string[] {
  const tokens: string[] = []
  const text = source.trim()
  tokenPattern.lastIndex = 0
  while (tokenPattern.lastIndex < text.length) {
    const at = tokenPattern.lastIndex
    const match = tokenPattern.exec(text)
    if (match === null) throw new SyntaxError(`"${text.slice(at).trim().slice(0, 20)}" cannot be understood in "${text}"`)
    tokens.push(match[0].trim())
  }
  return tokens
}

/** How deep brackets may be nested. */
const deepest = 50

/** Reads an expression; a SyntaxError says what is wrong. */
export function parseExpression(source: string): Expression {
  const tokens = tokensOf(source)
  let at = 0
  let depth = 0
  const take = (token: string): boolean => {
    const is = tokens[at] === token
    if (is) at++
    return is
  }
  const expect = (token: string): void => {
    if (!take(token)) throw new SyntaxError(`"${token}" is missing in "${source.trim()}"`)
  }
  const chain = (levels: readonly (readonly Operator[])[], level: number): Expression => {
    const own = levels[level]
    if (own === undefined) return unary(levels)
    let left = chain(levels, level + 1)
    for (let operator = own.find(take); operator !== undefined; operator = own.find(take))
      left = { kind: 'binary', operator, left, right: chain(levels, level + 1) }
    return left
  }
  const unary = (levels: readonly (readonly Operator[])[]): Expression => {
    if (++depth > deepest) throw new SyntaxError(`"${source.trim().slice(0, 40)}…" is nested too deeply`)
    const result = take('not') ? ({ kind: 'not', of: unary(levels) } as const) : primary()
    depth--
    return result
  }
  const list = (): Expression => {
    const items: Expression[] = []
    while (!take(']')) {
      items.push(whole())
      if (tokens[at] !== ']') expect(',')
    }
    return { kind: 'list', items }
  }
  const primary = (): Expression => {
    if (take('(')) {
      const inner = whole()
      expect(')')
      return inner
    }
    if (take('[')) return list()
    const token = tokens[at++]
    if (token === undefined) throw new SyntaxError(`"${source.trim()}" ends too early`)
    if (/^["']/.test(token)) return { kind: 'literal', value: token.slice(1, -1).replace(/\\(.)/g, '$1') }
    if (/^-?\d/.test(token)) return { kind: 'literal', value: Number(token) }
    if (token === 'true' || token === 'false') return { kind: 'literal', value: token === 'true' }
    if (!/^[\p{L}_]/u.test(token) || operators.some((one) => one === token))
      throw new SyntaxError(`"${token}" stands where a value is wanted in "${source.trim()}"`)
    return { kind: 'path', path: token.split('.') }
  }
  const whole = (): Expression => chain([['or'], ['and'], ['in', '==', '!=', '<=', '>=', '<', '>']], 0)
  const result = whole()
  if (at < tokens.length) throw new SyntaxError(`"${tokens[at]}" is too much in "${source.trim()}"`)
  return result
}

/** The value of an expression; `lookup` gives what a path stands for. */
export function evaluate(expression: Expression, lookup: (path: readonly string[]) => unknown): unknown {
  const value = (one: Expression): unknown => evaluate(one, lookup)
  if (expression.kind === 'literal') return expression.value
  if (expression.kind === 'path') return lookup(expression.path)
  if (expression.kind === 'list') return expression.items.map(value)
  if (expression.kind === 'not') return !isTrue(value(expression.of))
  const { operator, left, right } = expression
  if (operator === 'or') return isTrue(value(left)) || isTrue(value(right))
  if (operator === 'and') return isTrue(value(left)) && isTrue(value(right))
  const [a, b] = [value(left), value(right)]
  if (operator === 'in') return Array.isArray(b) ? b.some((one) => same(one, a)) : String(b).includes(String(a))
  if (operator === '==') return same(a, b)
  if (operator === '!=') return !same(a, b)
  const order =
    typeof a === 'number' && typeof b === 'number' ? a - b : String(a) < String(b) ? -1 : String(a) > String(b) ? 1 : 0
  return operator === '<' ? order < 0 : operator === '>' ? order > 0 : operator === '<=' ? order <= 0 : order >= 0
}

/** Nothing, false, 0, an empty text and an empty list are no. */
export const isTrue = (value: unknown): boolean => (Array.isArray(value) ? value.length > 0 : Boolean(value))

/** 42 and "42" are the same: YAML does not say which was meant. */
const same = (a: unknown, b: unknown): boolean =>
  a === b || (isScalar(a) && isScalar(b) ? String(a) === String(b) : JSON.stringify(a) === JSON.stringify(b))

const isScalar = (value: unknown): boolean => typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
