/** A value that was read, and where the text goes on. */
export interface Read {
  readonly value: unknown
  readonly end: number
  /** The text stopped before the value did; what was open was closed. */
  readonly cut: boolean
}

const word = /[A-Za-z_$][\w$-]*/y
const number = /[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?/y
const space = /(?:\s|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/y
const quotes: Readonly<Record<string, string>> = { '"': '"', "'": "'", '“': '”', '`': '`' }
const words: Readonly<Record<string, unknown>> = {
  true: true,
  false: false,
  null: null,
  True: true,
  False: false,
  None: null,
  undefined: null,
}
const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f' }
/** Deeper nesting is no call. */
const deepest = 40

/**
 * Reads JSON as models write it: also with single quotes, names without quotes, Python's True and None, commas at the end, comments, line
 * breaks in strings, and without the closing brackets at the very end. Undefined where no value begins.
 */
export function readRelaxed(text: string, start: number): Read | undefined {
  let at = start
  let cut = false
  const match = (pattern: RegExp): string => {
    pattern.lastIndex = at
    const found = pattern.exec(text)?.[0] ?? ''
    at += found.length
    return found
  }

  function value(depth: number): { readonly value: unknown } | undefined {
    if (depth > deepest) return undefined
    match(space)
    const first = text[at]
    if (first === '{') return object(depth)
    if (first === '[') return array(depth)
    if (first !== undefined && first in quotes) return { value: string(quotes[first]!) }
    const digits = match(number)
    if (digits !== '') return { value: Number(digits) }
    const name = match(word)
    return name === '' ? undefined : { value: Object.hasOwn(words, name) ? words[name] : name }
  }

  function string(end: string): string {
    let out = ''
    for (at++; at < text.length; at++) {
      const character = text[at]!
      if (character === end) {
        at++
        return out
      }
      if (character !== '\\') out += character
      else {
        const code = text[++at] ?? ''
        if (code === 'u' && /^[0-9a-fA-F]{4}$/.test(text.slice(at + 1, at + 5))) {
          out += String.fromCharCode(Number.parseInt(text.slice(at + 1, at + 5), 16))
          at += 4
        } else out += escapes[code] ?? code
      }
    }
    cut = true
    return out
  }

  /** Steps over a comma or the end of a list; false when neither stands there. */
  function more(end: string): 'more' | 'end' | undefined {
    match(space)
    if (at >= text.length) {
      cut = true
      return 'end'
    }
    const character = text[at]
    if (character !== ',' && character !== end) return undefined
    at++
    return character === end ? 'end' : 'more'
  }

  function array(depth: number): { readonly value: unknown[] } | undefined {
    const items: unknown[] = []
    for (at++; ; ) {
      match(space)
      if (text[at] === ']') {
        at++
        return { value: items }
      }
      if (at >= text.length) {
        cut = true
        return { value: items }
      }
      const item = value(depth + 1)
      if (!item) return undefined
      items.push(item.value)
      const next = more(']')
      if (next === undefined) return undefined
      if (next === 'end') return { value: items }
    }
  }

  function object(depth: number): { readonly value: Record<string, unknown> } | undefined {
    const fields: [string, unknown][] = []
    const done = () => ({ value: Object.fromEntries(fields) })
    for (at++; ; ) {
      match(space)
      if (text[at] === '}') {
        at++
        return done()
      }
      const end = quotes[text[at] ?? '']
      const key = end === undefined ? match(word) || match(number) : string(end)
      match(space)
      if (at >= text.length) {
        cut = true
        return done()
      }
      if ((key === '' && end === undefined) || (text[at] !== ':' && text[at] !== '=')) return undefined
      at++
      match(space)
      if (at >= text.length) {
        cut = true
        return done()
      }
      const field = value(depth + 1)
      if (!field) return undefined
      fields.push([key, field.value])
      const next = more('}')
      if (next === undefined) return undefined
      if (next === 'end') return done()
    }
  }

  const read = value(0)
  return read && { value: read.value, end: at, cut }
}
