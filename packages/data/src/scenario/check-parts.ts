import type { CheckContext } from './check-context.js'
import { swapOnLine } from './check-context.js'
import type { Character } from './model.js'

/** What should be there, and whether the character sheets make sense. */
export function checkParts(context: CheckContext): void {
  const { scenario, places, report, spelling } = context
  if (spelling === undefined) return
  if (places.system === undefined)
    report({
      code: 'missing-part',
      line: 1,
      message: 'There is no SYSTEM.',
      fix: 'Begin with SYSTEM: role, world, location and party.',
    })
  else
    for (const part of ['role', 'world', 'location', 'party'] as const) {
      if (part === 'party' ? scenario.party.length > 0 : scenario[part] !== undefined) continue
      const line = places.parts.get(part) ?? places.system
      const title = `${part[0]!.toUpperCase()}${part.slice(1)}`
      const what = part === 'party' ? 'with at least one character' : 'with a sentence or two'
      report({
        code: 'missing-part',
        severity: 'warning',
        line,
        message: places.parts.has(part) ? `${title} is empty.` : `SYSTEM has no ${title}.`,
        fix: `Add ${title} ${what}.`,
      })
    }
  const speakers = new Set(scenario.turns.map(({ speaker }) => speaker))
  if (!speakers.has('dm'))
    report({
      code: 'missing-part',
      line: places.marks.at(-1) ?? places.system ?? 1,
      message: 'There is no DM turn, so there is nothing to learn.',
      fix: 'Add a DM turn after what the user says.',
    })
  else {
    if (!speakers.has('user'))
      report({
        code: 'missing-part',
        line: places.marks[0] ?? 1,
        message: 'There is no User turn, so the DM answers nobody.',
        fix: 'Add what the user says before the DM turn.',
      })
    const last = scenario.turns.at(-1)!
    if (last.speaker !== 'dm')
      report({
        code: 'unanswered-end',
        severity: 'warning',
        line: places.marks.at(-1)!,
        message: `The scenario ends with a ${last.speaker === 'user' ? 'User' : 'TOOLCALL'} turn that the DM does not answer.`,
        fix: 'Add the DM turn that answers it, or take it out.',
      })
  }
  checkNames(context)
  for (const [index, character] of scenario.party.entries()) checkSheet(context, character, index)
}

function checkNames({ scenario, places, report }: CheckContext): void {
  const known = new Map<string, number>()
  for (const [index, { name }] of scenario.party.entries()) {
    const line = places.characters[index]!
    const before = known.get(name.toLowerCase())
    if (before === undefined) known.set(name.toLowerCase(), line)
    else
      report({
        code: 'duplicate-character',
        line,
        message: `Two characters are called ${name}; the first is on line ${before}.`,
        fix: 'Give one of them another name.',
      })
  }
}

function checkSheet(context: CheckContext, { name, level, health, experience }: Character, index: number): void {
  const { report } = context
  const start = context.places.characters[index]!
  if (level !== undefined && (level < 1 || level > 20))
    report({
      code: 'bad-level',
      line: lineOf(context, index, `${level}`),
      message: `${name} is of level ${level}.`,
      fix: 'Levels go from 1 to 20.',
    })
  if (health !== undefined) {
    const { current, max } = health
    const line = lineOf(context, index, `${current}`)
    if (max === 0 || current < 0)
      report({
        code: 'bad-health',
        line,
        message: `${name} has ${current} of ${max} health.`,
        fix: 'Health lies between 0 and the most it can be, which is above 0.',
      })
    else if (current > max)
      report({
        code: 'health-above-max',
        line,
        message: `${name} has ${current} health, more than the ${max} it can be.`,
        fix: swapOnLine(context, line, `Write ${max}/${max}.`, `${current}/${max}`, `${max}/${max}`),
      })
  }
  if (experience !== undefined && experience.current > experience.max)
    report({
      code: 'bad-experience',
      line: lineOf(context, index, `${experience.current}`),
      message: `${name} has ${experience.current} of ${experience.max} experience, enough for the next level.`,
      fix: 'Raise the level and the experience it asks for, or lower the first number.',
    })
  if (name === '') return
  if (/[[\]]/.test(name))
    report({
      code: 'bad-name',
      line: start,
      message: `The name ${name} has brackets in it.`,
      fix: 'Take them out: brackets are for tool calls.',
    })
}

/** The line of a character's sheet that has a text, or its first. */
function lineOf({ places, lines }: CheckContext, index: number, text: string): number {
  const start = places.characters[index]!
  const end = places.characters[index + 1] ?? places.marks[0] ?? lines.length
  const has = new RegExp(`(?<!\\d)${text.replace(/[^\d]/g, '\\$&')}(?!\\d)`)
  return lines.slice(start - 1, Math.max(start, end - 1)).find((line) => has.test(line.text))?.number ?? start
}
