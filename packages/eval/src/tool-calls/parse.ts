import type { BracketCall, BracketTool } from './call.js'
import { normaliseName } from './normalise.js'

export interface ParseToolCallsOptions {
  /**
   * With them a bracket that has no colon, no end, or a name in quotes or with other dashes is a call only when it names one of them:
   * `[sic]` and `["Warning": keep out]` are prose. What is left is what scenarios take for calls, too.
   */
  readonly tools?: readonly BracketTool[]
}

/** A bracket that is no Markdown link; the last one may lack its end, because an answer can stop there. */
const bracket = /\[([^[\]\n]{1,200})(\](?!\()|$)/g
const callName = /^[a-z][a-z0-9 _-]{0,39}$/
const quotes: Readonly<Record<string, string>> = { '"': '"', "'": "'", '`': '`', '“': '”', '‘': '’' }

/**
 * The tool calls in a text, in order. Tolerant: any case, spaces anywhere, quotes around arguments, no closing bracket at the
 * very end.
 *
 * @example
 * ```ts
 * parseToolCalls('She reels. [Health : Mira, "-4"]') // [{ name: 'health', arguments: ['Mira', '-4'] }]
 * ```
 */
export function parseToolCalls(text: string, { tools }: ParseToolCallsOptions = {}): BracketCall[] {
  const declared = tools && new Set(tools.map(({ name }) => normaliseName(name)))
  const calls: BracketCall[] = []
  for (const [, inside = '', end] of text.trimEnd().matchAll(bracket)) {
    const colon = inside.indexOf(':')
    const written = colon < 0 ? inside : inside.slice(0, colon)
    const name = normaliseName(unquote(written))
    const plain = colon >= 0 && end !== '' && callName.test(spaced(written))
    if (!callName.test(name) || (!plain && declared && !declared.has(name))) continue
    calls.push({ name, arguments: colon < 0 ? [] : splitArguments(inside.slice(colon + 1)) })
  }
  return calls
}

const spaced = (name: string): string => name.trim().toLowerCase().replace(/\s+/g, ' ')

function unquote(text: string): string {
  const plain = text.trim()
  const end = quotes[plain[0] ?? '']
  return end !== undefined && plain.length > 1 && plain.endsWith(end) ? plain.slice(1, -1).trim() : plain
}

/** Splits at commas that stand neither in quotes nor in parentheses. An apostrophe inside a word is no quote. */
function splitArguments(text: string): string[] {
  const parts: string[] = []
  let [from, depth] = [0, 0]
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!
    if (text.slice(from, i).trim() === '') i = endOfQuoted(text, i)
    else if (character === '(') depth++
    else if (character === ')') depth = Math.max(0, depth - 1)
    if (text[i] !== ',' || depth > 0) continue
    parts.push(text.slice(from, i))
    from = i + 1
  }
  parts.push(text.slice(from))
  return parts.map(unquote).filter((one) => one !== '')
}

/** Where the quotation that begins at `start` ends, when the argument ends there too; else `start`. */
function endOfQuoted(text: string, start: number): number {
  const end = quotes[text[start] ?? '']
  if (end === undefined) return start
  for (let i = text.indexOf(end, start + 1); i > 0; i = text.indexOf(end, i + 1))
    if (/^\s*(,|$)/.test(text.slice(i + 1))) return i
  return start
}
