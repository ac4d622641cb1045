import type { Draw } from './augment-scenario.js'
import { parseDice } from './dice.js'
import type { Outcome, RollResult } from './model.js'

/** Where nothing says what had to be reached. */
const usualDifficulty = 12

/** A result line with other dice: the modifiers stay, the sum holds, and the outcome is the same. */
export function rerollLine(
  line: string,
  result: RollResult,
  { outcome, dc, draw }: { outcome: Outcome | undefined; dc: number | undefined; draw: Draw },
): { text: string; total: number } {
  const spec = parseDice(result.name)
  const sides = spec?.sides ?? 20
  const rolled = spec ? result.terms.slice(0, spec.modifier === 0 ? undefined : -1) : result.terms.slice(0, 1)
  const plain = rolled.every(({ value }) => value >= 1 && value <= sides)
  if (!plain || (spec && rolled.length !== spec.count)) return { text: line, total: result.total }
  const rest = result.terms.slice(rolled.length).reduce((sum, { value }) => sum + value, 0)
  const needed =
    dc ?? (outcome === 'success' ? Math.min(usualDifficulty, result.total) : Math.max(usualDifficulty, result.total + 1))
  // A natural 20 or 1 would tell the outcome by itself.
  const fits = (value: number) =>
    outcome === undefined || (outcome === 'success' ? value > 1 && value + rest >= needed : value < 20 && value + rest < needed)
  const choices = Array.from({ length: sides }, (_, i) => i + 1).filter((value) => spec !== undefined || fits(value))
  if (choices.length === 0) return { text: line, total: result.total }
  const values = rolled.map(() => choices[draw(choices.length)]!)
  const total = values.reduce((sum, value) => sum + value, 0) + rest
  return { text: rewritten(line, values, total), total }
}

/** Puts the values in the place of the first numbers after the colon, and the sum after the equals sign. */
function rewritten(line: string, values: readonly number[], total: number): string {
  const colon = line.indexOf(':')
  const equals = line.indexOf('=', colon)
  let next = 0
  const terms = line.slice(colon, equals).replace(/\d+/g, (digits) => (next < values.length ? String(values[next++]) : digits))
  return (
    line.slice(0, colon) +
    terms +
    line.slice(equals).replace(/^(=\s*[*_]{0,2})[-+−–]?\s*\d+/, (_, before: string) => before + total)
  )
}
