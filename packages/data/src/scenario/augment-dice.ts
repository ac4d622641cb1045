import type { Draw } from './augment-scenario.js'
import { parseDice } from './dice.js'
import type { Character, RollResult, ScenarioCall, Turn } from './model.js'
import { rerollLine } from './reroll.js'
import { callOf } from './result-call.js'
import type { ScenarioTool } from './tools.js'

/**
 * The texts of the turns with new dice. An amount that was rolled is followed in the calls of the turn after it (`[health: Kara, -4]`).
 * Dice that the story follows in another way, in its words or in a sum, stay as they are.
 */
export function rerollTurns(
  turns: readonly Turn[],
  party: readonly Character[],
  tools: readonly ScenarioTool[],
  draw: Draw,
): string[] {
  const texts = turns.map(({ text }) => text)
  for (const [index, turn] of turns.entries()) {
    if (turn.speaker !== 'tool') continue
    const before = turns.slice(0, index).findLast(({ speaker }) => speaker !== 'tool')
    const calls = before?.speaker === 'dm' ? before.calls.filter((call) => returns(call, tools)) : []
    const rolled = turn.results.map((result) => ({ result, ...specOf(result, callOf(result, calls, party)) }))
    const next = turns[index + 1]
    const now = new Map<number, number>()
    texts[index] = turn.text
      .split('\n')
      .map((line) => {
        const found = rolled.findIndex(({ result }) => result.text === line.trim())
        const [one] = found < 0 ? [] : rolled.splice(found, 1)
        if (one === undefined) return line
        const { result, dice, dc } = one
        if (dice !== undefined) {
          if (!mayChange(result, turn.results, turns.slice(index + 1), tools)) return line
          const { text, total } = rerollLine(line, result, { dice, draw })
          now.set(result.total, total)
          return text
        }
        const difficulty =
          dc ?? (turn.results.length === 1 && before?.speaker === 'dm' ? spokenDifficulty(before.text) : undefined)
        const outcome = next?.speaker === 'dm' ? next.outcome : undefined
        // With several results, the story may follow any of them.
        if (difficulty === undefined && outcome !== undefined && turn.results.length > 1) return line
        return rerollLine(line, result, { outcome, dc: difficulty, draw }).text
      })
      .join('\n')
    if (next?.speaker === 'dm') texts[index + 1] = follow(next.text, amounts(next, tools), now)
  }
  return texts
}

const returns = (call: ScenarioCall, tools: readonly ScenarioTool[]): boolean =>
  tools.some((tool) => tool.name === call.name && tool.returns === true)

/** The dice and the difficulty of a result: as it says itself, or as the call says that it answers. */
function specOf(result: RollResult, call: ScenarioCall | undefined) {
  const asked = call?.arguments.flatMap((text) => /^DC (\d{1,3})$/i.exec(text)?.[1] ?? [])[0]
  return {
    dice: parseDice(call?.arguments[0] ?? '') ?? parseDice(result.name),
    dc: result.dc ?? (asked === undefined ? undefined : Number(asked)),
  }
}

function spokenDifficulty(text: string): number | undefined {
  const digits = /\bDC (\d{1,3})\b/.exec(text)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

interface Amount {
  readonly value: number
  /** Where its digits stand in the text of the turn. */
  readonly start: number
  readonly end: number
}

/** The plain amounts that the calls of a turn give. */
function amounts(turn: Turn | undefined, tools: readonly ScenarioTool[]): Amount[] {
  if (turn?.speaker !== 'dm') return []
  return turn.calls.flatMap((call) => {
    const tool = tools.find(({ name }) => name === call.name)
    let at = call.start + call.text.indexOf(':') + 1
    return call.arguments.flatMap((argument, index): Amount[] => {
      at = turn.text.indexOf(argument, at)
      const end = at + argument.length
      at = end
      const digits = tool?.arguments[index]?.kind === 'amount' ? /^[+\-−](\d+)$/.exec(argument)?.[1] : undefined
      return digits === undefined ? [] : [{ value: Number(digits), start: end - digits.length, end }]
    })
  })
}

const numberWords = [
  ...['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten', 'eleven', 'twelve'],
  ...['thirteen', 'fourteen', 'fifteen', 'sixteen', 'seventeen', 'eighteen', 'nineteen', 'twenty'],
]

/** Whether all that the story makes of rolled dice can follow them. */
function mayChange(
  { total }: RollResult,
  results: readonly RollResult[],
  [next, ...later]: readonly Turn[],
  tools: readonly ScenarioTool[],
): boolean {
  if (results.filter((one) => one.total === total).length > 1) return false
  const spoken = new RegExp(`(?<!\\d)${total}(?!\\d)${numberWords[total] ? `|\\b${numberWords[total]}\\b` : ''}`, 'i')
  const given = amounts(next, tools)
  const own = given.filter(({ value }) => value === total)
  const told = own.toReversed().reduce((text, { start, end }) => text.slice(0, start) + text.slice(end), next?.text ?? '')
  if (spoken.test(told)) return false
  if (own.length > 0) return true
  // Half of it, the sum of two, or what is told of it later.
  return given.length === 0 && !later.some((turn) => spoken.test(turn.text))
}

const follow = (text: string, given: readonly Amount[], now: ReadonlyMap<number, number>): string =>
  given
    .toReversed()
    .reduce((out, { value, start, end }) => out.slice(0, start) + (now.get(value) ?? value) + out.slice(end), text)
