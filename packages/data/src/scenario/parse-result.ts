import type { RollResult } from './model.js'

/** name: terms = total rest */
const shape =
  /^\s*(?:[-*+]\s+)?([^:=]{1,80}?)\s*:\s*([^=]{1,300})=\s*(\*{1,2}|_{1,2})?\s*([-+−–]?\s*\d{1,9})\s*\3?(?![\d.])\s*(.*)$/
/** What nearly all are: `perception: 15 + 10(skill) = *25*`. */
const usualShape =
  /^([A-Za-z0-9]+(?: [A-Za-z0-9]+)*): (\d{1,9})(?: ([+-]) (\d{1,9})\(([A-Za-z]+(?: [A-Za-z]+)*)\))? = ([*_])(\d{1,9})\6$/
const usualLength = 80
const term = /\s*([-+−–]?)\s*(\d{1,9})(?:\s*\(([^()]{0,60})\)|[ \t]*([a-z][a-z' ]{0,40}?)(?=\s*(?:[-+−–]|$)))?/giy
const difficulty = /^[,;]?\s*\(?\s*(?:vs\.?|against)?\s*DC\s*(\d{1,3})\s*\)?\.?$/i

/** A minus may be a hyphen, a minus sign or a dash. */
const signed = (sign: string, digits: string): number =>
  '-−–'.includes(sign.charAt(0) || '+') ? -Number(digits) : Number(digits)

/**
 * A result line of a TOOLCALL turn, or undefined when the line is none.
 *
 * @example
 * ```ts
 * parseResult('perception: 15 + 10(skill) = *25*')?.total // 25
 * ```
 */
export function parseResult(line: string): RollResult | undefined {
  const usual = line.length <= usualLength ? usualShape.exec(line) : null
  if (usual) {
    const [, name, roll, sign, bonus, label, , total] = usual
    const terms: RollResult['terms'] = [
      { value: Number(roll) },
      ...(bonus === undefined ? [] : [{ value: sign === '-' ? -Number(bonus) : Number(bonus), label: label! }]),
    ]
    return { name: name!, terms, total: Number(total), text: line }
  }
  const match = shape.exec(line)
  if (!match) return undefined
  const [, name, expression, , total, rest] = match
  const terms = parseTerms(expression!.trim())
  const dc = rest === '' ? undefined : difficulty.exec(rest!)?.[1]
  if (terms === undefined || (rest !== '' && dc === undefined)) return undefined
  return {
    name: name!,
    terms,
    total: signed(total!, total!.replace(/\D/g, '')),
    ...(dc === undefined ? {} : { dc: Number(dc) }),
    text: line.trim(),
  }
}

function parseTerms(expression: string): RollResult['terms'] | undefined {
  const terms: { value: number; label?: string }[] = []
  term.lastIndex = 0
  while (term.lastIndex < expression.length) {
    const match = term.exec(expression)
    // Every term but the first has a sign before it.
    if (!match || (terms.length > 0 && match[1] === '')) return undefined
    const label = (match[3] ?? match[4])?.trim()
    terms.push({ value: signed(match[1]!, match[2]!), ...(label ? { label } : {}) })
  }
  return terms.length > 0 ? terms : undefined
}
