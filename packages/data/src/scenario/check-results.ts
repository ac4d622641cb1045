import { type CheckContext, lineInTurn, swapOnLine } from './check-context.js'
import { parseDice, possible } from './dice.js'
import type { Character, Outcome, RollResult, ScenarioCall, Turn } from './model.js'
import { askedFor, callOf, isDie } from './result-call.js'
import { isSkill, rollName } from './skills.js'

/** Whether calls get their results, and whether the arithmetic, the dice, the sheets and the story agree. */
export function checkResults(context: CheckContext): void {
  const { turns } = context.scenario
  for (const [index, turn] of turns.entries()) {
    if (turn.speaker === 'tool') checkToolTurn(context, turn, index)
    if (turn.speaker === 'dm') checkDmTurn(context, turn, index)
  }
}

type ToolTurn = Extract<Turn, { speaker: 'tool' }>
type DmTurn = Extract<Turn, { speaker: 'dm' }>

const returning = ({ tools }: CheckContext, calls: readonly ScenarioCall[]): ScenarioCall[] =>
  calls.filter(({ name }) => tools.find((tool) => tool.name === name)?.returns)

function checkToolTurn(context: CheckContext, turn: ToolTurn, index: number): void {
  const { scenario, places, report } = context
  const before = scenario.turns.slice(0, index).findLast(({ speaker }) => speaker !== 'tool')
  const calls = before?.speaker === 'dm' ? before.calls : []
  // What an unknown tool gives nobody knows.
  const giving = calls.filter(({ name }) => {
    const tool = context.tools.find((one) => one.name === name)
    return tool === undefined || tool.returns
  })
  if (giving.length === 0 && turn.text !== '')
    report({
      code: 'result-without-call',
      line: places.turns[index]!,
      message:
        calls.length === 0
          ? 'There is a result, but the DM turn before it calls no tool.'
          : `There is a result, but ${calls.at(-1)!.text} gives none.`,
      fix: 'Put the call at the end of the DM turn before it: [roll: perception].',
    })
  let offset = 0
  for (const content of turn.text.split('\n')) {
    const line = lineInTurn(context, index, turn.text, offset)
    offset += content.length + 1
    const result = turn.results.find(({ text }) => text === content.trim())
    if (result) checkResult(context, result, returning(context, calls), line)
    else if (/:[^:]*\d[^:]*=/.test(content))
      report({
        code: 'result-unreadable',
        line,
        message: `"${content.trim().slice(0, 60)}" cannot be read as a result.`,
        fix: 'Write it like this: perception: 15 + 10(skill) = *25*.',
      })
  }
}

function checkResult(context: CheckContext, result: RollResult, calls: readonly ScenarioCall[], line: number): void {
  const { report } = context
  const { party } = context.scenario
  const call = callOf(result, calls, party)
  const [only] = calls
  // Which of the two is wrong is only known where the call asks for something that exists.
  const unclear = calls.some((one) => !asksForKnown(one, party))
  if (call === undefined && only !== undefined && !unclear) {
    const right = only.arguments[0] ?? only.name
    report({
      code: 'result-mismatch',
      line,
      message: `The DM asked for ${only.text}, this is a result of ${result.name}.`,
      fix:
        calls.length === 1
          ? swapOnLine(context, line, `Write ${right}.`, result.name, right)
          : 'Write the name that was asked for.',
    })
  }
  const sum = result.terms.reduce((total, { value }) => total + value, 0)
  checkDice(context, result, call, line)
  const bonus = checkBonus(context, result, call, line)
  if (sum !== result.total && !bonus)
    report({
      code: 'result-sum',
      line,
      message: `${result.name}: the terms give ${sum}, not ${result.total}.`,
      fix: { label: `Write = *${sum}*.`, ...totalEdit(context, line, sum) },
    })
}

function asksForKnown({ name, arguments: [first] }: ScenarioCall, party: readonly Character[]): boolean {
  if (first === undefined) return false
  return parseDice(first) !== undefined || (rollName(first, party).known && !(name === 'save' && isSkill(first)))
}

function checkDice(context: CheckContext, { name, terms }: RollResult, call: ScenarioCall | undefined, line: number): void {
  const impossible = (what: string) =>
    context.report({
      code: 'die-impossible',
      line,
      message: `${name}: ${what}`,
      fix: 'Write a number that the die can show, and the new sum.',
    })
  for (const { value, label } of terms) {
    const named = label !== undefined && /^d\d+$/i.test(label) ? parseDice(label) : undefined
    if (named && !possible(named, [value])) impossible(`a d${named.sides} cannot show ${value}.`)
  }
  const asked = call?.arguments[0] ?? name
  const dice = parseDice(asked) ?? parseDice(name)
  const values = terms.map(({ value }) => value)
  if (dice) {
    if (!possible(dice, values)) impossible(`${values.join(' + ')} cannot come from ${asked}.`)
  } else if (isDie(terms[0]!.label) && !possible({ count: 1, sides: 20, modifier: 0 }, [values[0]!]))
    impossible(`a d20 cannot show ${values[0]}.`)
}

/** An ability of 20, the most that people reach, gives 5. */
const mostAbility = 5

/** True when the bonus is wrong and was reported: its fix corrects the sum, too. */
function checkBonus(context: CheckContext, result: RollResult, call: ScenarioCall | undefined, line: number): boolean {
  const { scenario, report } = context
  const asked = call ? askedFor(call, scenario.party) : result.name.toLowerCase()
  const labelled = result.terms.find(({ label }) => label !== undefined && ['skill', asked].includes(label.toLowerCase()))
  // The only thing that is added to the die is the bonus, whether it says so or not.
  const [die, only] = result.terms
  const bare = result.terms.length === 2 && only?.label === undefined && isDie(die?.label) ? only : undefined
  const term = labelled ?? bare
  if (term === undefined) return false
  const said = [result.name, ...(call?.arguments.slice(1) ?? [])].map((text) => text.toLowerCase())
  const rolling = scenario.party.filter(({ name }) =>
    said.some((text) => text.includes(name.toLowerCase()) || text === name.split(/\s/)[0]!.toLowerCase()),
  )
  const able = rolling.length > 0 ? rolling : scenario.party
  const bonuses = able.flatMap(({ name, skills }) =>
    skills.flatMap((skill) =>
      skill.name.toLowerCase() === asked && skill.bonus !== undefined ? [{ name, bonus: skill.bonus }] : [],
    ),
  )
  if (bonuses.length === 0 || bonuses.some(({ bonus }) => bonus === term.value)) return false
  // Whoever has not learned the skill rolls with the plain ability, which no sheet says.
  const unlearned = able.some(({ skills }) => !skills.some((skill) => skill.name.toLowerCase() === asked))
  const perhaps = unlearned && Math.abs(term.value) <= mostAbility
  if (perhaps && term.label === undefined) return false
  const { name, bonus } = bonuses[0]!
  const total = result.terms.reduce((sum, one) => sum + (one === term ? bonus : one.value), 0)
  const source = context.lines[line - 1]!.text
  const sameSign = bonus >= 0 === term.value >= 0
  const after = term.label === undefined ? '=' : `\\(?${term.label.replace(/[^\w ]/g, '\\$&')}`
  const digits = new RegExp(`\\b${Math.abs(term.value)}(?=\\s*${after})`)
  const changed = source.replace(digits, String(Math.abs(bonus)))
  const one = able.length === 1
  report({
    code: 'skill-bonus',
    // Somebody who has not learned it has a bonus, too, but not one of a skill.
    ...(perhaps ? { severity: 'warning' as const } : {}),
    line,
    message: `The sheet gives ${name} ${asked} ${bonus < 0 ? '' : '+'}${bonus}, the result has ${term.value}.`,
    fix: {
      label: `Write ${bonus}${term.label === undefined ? '' : `(${term.label})`} and = *${total}*, or correct the sheet.`,
      ...(one && sameSign && changed !== source ? totalEdit(context, line, total, changed) : {}),
    },
  })
  return !perhaps
}

/** The line with another total. */
function totalEdit({ lines }: CheckContext, line: number, total: number, source = lines[line - 1]!.text) {
  return { line, replace: [source.replace(/(=\s*[*_]{0,2})[-+−–]?\s*\d+/, (_, before: string) => before + total)] }
}

function checkDmTurn(context: CheckContext, turn: DmTurn, index: number): void {
  const { scenario, places, report } = context
  const line = places.turns[index]!
  const before = scenario.turns[index - 1]
  const next = scenario.turns[index + 1]
  const asked = returning(context, turn.calls)
  const got = next?.speaker === 'tool' ? next.results.length : 0
  if (asked.length > 0 && next !== undefined && got < asked.length)
    report({
      code: 'missing-result',
      line: lineInTurn(context, index, turn.text, asked.at(-1)!.start),
      message:
        got === 0 ? `${asked[0]!.text} gets no result.` : `${asked.length} calls get ${got} result${got === 1 ? '' : 's'}.`,
      fix: `Put a TOOLCALL turn after it, with a line for each call: ${asked[0]!.arguments[0] ?? 'perception'}: 15 = *15*.`,
    })
  if (turn.outcome === undefined) checkMark(context, turn, line)
  else if (before?.speaker === 'tool') checkOutcome(context, turn.outcome, before.results, index)
  else
    report({
      code: 'outcome-without-result',
      severity: 'warning',
      line,
      message: 'The DM tells the outcome of a roll, but there is no result before it.',
      fix: 'Put the TOOLCALL turn before it, or leave the word out.',
    })
}

/** `*SUCCESS` without its second star. */
function checkMark(context: CheckContext, { text }: DmTurn, line: number): void {
  const match = /^([*_]{0,2})(SUCCESS|FAILED)(?![A-Za-z])[.:!]?([*_]{0,2})/.exec(text)
  if (!match) return
  const right = `*${match[2]}*`
  context.report({
    code: 'outcome-mark',
    severity: 'warning',
    line,
    message: `${match[0]} is not marked as an outcome.`,
    fix: swapOnLine(context, line, `Write ${right}.`, match[0], right),
  })
}

function checkOutcome(context: CheckContext, said: Outcome, results: readonly RollResult[], index: number): void {
  const { scenario, places, report } = context
  const asking = scenario.turns.slice(0, index).findLast(({ speaker }) => speaker === 'dm')
  const calls = asking?.speaker === 'dm' ? returning(context, asking.calls) : []
  const [result] = results
  // With several results, the story may follow any of them.
  if (result === undefined || results.length > 1) return
  const spoken = calls.flatMap((call) => call.arguments.flatMap((text) => /^DC (\d{1,3})$/i.exec(text)?.[1] ?? []))[0]
  const dc = result.dc ?? (spoken === undefined ? undefined : Number(spoken))
  const d20 = parseDice(calls[0]?.arguments[0] ?? result.name) === undefined && isDie(result.terms[0]!.label)
  const natural = d20 ? result.terms[0]!.value : undefined
  const right: Outcome | undefined =
    dc !== undefined
      ? result.total >= dc
        ? 'success'
        : 'failed'
      : natural === 20
        ? 'success'
        : natural === 1
          ? 'failed'
          : undefined
  if (right === undefined || right === said) return
  const why = dc !== undefined ? `${result.total} against DC ${dc}` : `a natural ${natural}`
  report({
    code: 'outcome-contradicted',
    ...(dc === undefined ? { severity: 'warning' as const } : {}),
    line: places.turns[index]!,
    message: `The DM says ${said === 'success' ? 'SUCCESS' : 'FAILED'} after ${why}.`,
    fix: `Tell it as ${right === 'success' ? '*SUCCESS*' : '*FAILED*'}, or change the roll.`,
  })
}
