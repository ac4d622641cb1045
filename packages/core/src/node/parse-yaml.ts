import { LineCounter, parseDocument } from 'yaml'
import { messageOf } from '../errors.js'

export interface ParsedYaml {
  readonly value: unknown
  /** Why it is no YAML, and where. */
  readonly problem?: { readonly message: string; readonly line: number; readonly cause: unknown }
  /** The line of a field, whichever spelling the file uses; of its nearest parent when it is absent. */
  lineOf(path: readonly string[]): number | undefined
}

/** YAML or JSON, and where its fields stand. */
export function parseYaml(text: string): ParsedYaml {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const failed = (cause: unknown, at: number): ParsedYaml => ({
    value: undefined,
    problem: { message: messageOf(cause), line: lines.linePos(at).line, cause },
    lineOf,
  })
  const [syntax] = document.errors
  if (syntax) return failed(syntax, syntax.pos[0])
  try {
    return { value: document.toJS(), lineOf }
  } catch (cause) {
    // An alias of nothing, or one of too many.
    return failed(cause, 0)
  }

  function lineOf(path: readonly string[]): number | undefined {
    let node: unknown = document.contents
    let at: number | undefined
    for (const key of path) {
      const item = items(node).find((one, index) => sameKey(keyText(one) ?? String(index), key))
      const place = rangeOf(partOf(item, 'key')) ?? rangeOf(item)
      if (place === undefined) break
      at = lines.linePos(place).line
      node = partOf(item, 'key') === undefined ? item : partOf(item, 'value')
    }
    return at
  }
}

const bare = (key: string): string => key.replace(/[_-]/g, '').toLowerCase()
const sameKey = (a: string, b: string): boolean => bare(a) === bare(b)

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

const items = (node: unknown): unknown[] => (isObject(node) && 'items' in node && Array.isArray(node.items) ? node.items : [])

const partOf = (pair: unknown, part: 'key' | 'value'): unknown => {
  if (!isObject(pair)) return undefined
  if (part === 'key') return 'key' in pair ? pair.key : undefined
  return 'value' in pair ? pair.value : undefined
}

function keyText(pair: unknown): string | undefined {
  const key = partOf(pair, 'key')
  return isObject(key) && 'value' in key ? String(key.value) : undefined
}

const rangeOf = (node: unknown): number | undefined =>
  isObject(node) && 'range' in node && Array.isArray(node.range) ? Number(node.range[0]) : undefined
