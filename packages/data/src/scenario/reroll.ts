import type { Draw } from './augment-scenario.js'
import type { Dice } from './dice.js'
import type { Outcome, RollResult } from './model.js'
import { isDie } from './result-call.js'

/** Where nothing says what had to be reached. */
const usualDifficulty = 12

export interface RerollOptions {
  /** What was rolled, when it was not for a skill. */
  readonly dice?: Dice
  readonly outcome?: Outcome | undefined
  readonly dc?: number | undefined
  readonly draw: Draw
}

/** A result line with other dice: the modifiers stay, the sum holds, and the outcome is the same. */
export function rerollLine(line: string, result: RollResult, options: RerollOptions): { text: string; total: number } {
  const { dice, draw } = options
  const same = { text: line, total: result.total }
  const [first] = result.terms
  // Which dice "damage" was, nothing says; and where the bonus stands first, the die is not known.
  if (dice === undefined && (/\bdamage\b/i.test(result.name) || !isDie(first?.label))) return same
  const sides = dice?.sides ?? 20
  const rolled = dice ? result.terms.slice(0, dice.modifier === 0 ? undefined : -1) : result.terms.slice(0, 1)
  const plain = rolled.every(({ value }) => value >= 1 && value <= sides)
  if (!plain || (dice && rolled.length !== dice.count)) return same
  const rest = result.terms.slice(rolled.length).reduce((sum, { value }) => sum + value, 0)
  const choices = Array.from({ length: sides }, (_, i) => i + 1).filter(
    dice ? () => true : (value) => keeps(value, rest, result, options),
  )
  if (choices.length === 0) return same
  const values = rolled.map(() => choices[draw(choices.length)]!)
  const total = values.reduce((sum, value) => sum + value, 0) + rest
  return { text: rewritten(line, values, total), total }
}

/** Whether a value of a d20 gives what the story tells: the same side of the difficulty, and nothing that would decide by itself. */
function keeps(value: number, rest: number, { total }: RollResult, { outcome, dc }: RerollOptions): boolean {
  const reached = dc === undefined ? (outcome === undefined ? total >= usualDifficulty : outcome === 'success') : total >= dc
  if (reached) return value > 1 && value + rest >= (dc ?? Math.min(usualDifficulty, total))
  return value < 20 && value + rest < (dc ?? Math.max(usualDifficulty, total + 1))
}

/** Puts the values in the place of the first terms after the colon, and the sum after the equals sign. */
function rewritten(line: string, values: readonly number[], total: number): string {
  const colon = line.indexOf(':')
  const equals = line.indexOf('=', colon)
  let next = 0
  // Labels may hold digits, too: 4(d6) + 2(d6).
  const terms = line
    .slice(colon, equals)
    .replace(/\([^()]*\)|\d+/g, (text) => (/^\d/.test(text) && next < values.length ? String(values[next++]) : text))
  return (
    line.slice(0, colon) +
    terms +
    line.slice(equals).replace(/^(=\s*[*_]{0,2})[-+−–]?\s*\d+/, (_, before: string) => before + total)
  )
}
