import { everyone } from './check-calls.js'
import { type CheckContext, lineInTurn } from './check-context.js'
import type { Item, Scenario } from './model.js'
import { readItem } from './parse-character.js'
import { defaultTools } from './tools.js'

/** Whether the party has what calls take from it, and whether there is a wound for what heals. */
export function checkChanges(context: CheckContext): void {
  const { scenario, tools } = context
  // Tools of your own under these names may mean something else.
  const known = (name: string) => tools.some((tool) => tool.name === name && defaultTools.includes(tool))
  const items = known('inventory') ? itemCheck(context) : undefined
  const health = known('health') ? healthCheck(context) : undefined
  for (const [index, turn] of scenario.turns.entries()) {
    if (turn.speaker !== 'dm') continue
    for (const { name, arguments: given, start } of turn.calls) {
      const [who, what] = given
      if (who === undefined || what === undefined || given.length > 2) continue
      const check = name === 'inventory' ? items : name === 'health' ? health : undefined
      check?.(who, what, lineInTurn(context, index, turn.text, start))
    }
  }
}

type Check = (who: string, what: string, line: number) => void

function itemCheck({ scenario, report }: CheckContext): Check {
  let held: Item[] = scenario.party.flatMap(({ inventory }) => inventory)
  const elsewhere = stems(otherText(scenario))
  return (_, what, line) => {
    const [, sign, text] = /^([+\-−])\s*(\S.*)$/.exec(what) ?? []
    if (text === undefined) return
    const item = readItem(text)
    if (sign === '+') {
      held = [...held, item]
      return
    }
    const words = stems(item.name)
    const own =
      held.find(({ name }) => name.toLowerCase() === item.name.toLowerCase()) ??
      held.find(({ name }) => within(words, stems(name)) || within(stems(name), words))
    if (own) {
      const left = own.count - item.count
      held = held.flatMap((one) => (one !== own ? [one] : left > 0 ? [{ ...one, count: left }] : []))
      return
    }
    // Another name for something that they have is no mistake.
    if (held.some(({ name }) => shares(words, stems(name))) || shares(words, elsewhere)) return
    report({
      code: 'item-not-held',
      severity: 'warning',
      line,
      message: `Nobody of the party has ${item.name} (any more).`,
      fix: 'Add it to Inventory of whoever uses it up, or give it to them before.',
    })
  }
}

/** Where a sheet may name a thing besides Inventory. */
const otherText = ({ party, partyText, sections }: Scenario): string =>
  [partyText, ...party.flatMap(({ description, other }) => [description, ...other]), ...sections.map(({ text }) => text)].join(
    '\n',
  )

/** The words of a thing without their plural. */
const stems = (text: string): ReadonlySet<string> =>
  new Set(
    (text.toLowerCase().match(/\p{L}{3,}/gu) ?? []).filter((word) => word !== 'the').map((word) => word.replace(/(?:es|s)$/, '')),
  )

const within = (some: ReadonlySet<string>, all: ReadonlySet<string>): boolean =>
  some.size > 0 && [...some].every((word) => all.has(word))
const shares = (some: ReadonlySet<string>, others: ReadonlySet<string>): boolean => [...some].some((word) => others.has(word))

function healthCheck({ scenario, report }: CheckContext): Check {
  const party = scenario.party.map(({ name, health }) => ({
    name,
    current: health !== undefined && health.current <= health.max ? health.current : undefined,
    max: health?.max ?? 0,
  }))
  return (who, what, line) => {
    const said = who.toLowerCase()
    const meant = party.filter(({ name }) => [name, name.split(/\s/)[0]!].some((one) => one.toLowerCase() === said))
    const [, sign, digits] = /^([+\-−])(\d+)$/.exec(what) ?? []
    for (const one of everyone.has(said) ? party : meant) {
      const { current, max, name } = one
      // After dice, nobody knows.
      if (digits === undefined) one.current = undefined
      if (current === undefined || digits === undefined) continue
      const now = sign === '+' ? current + Number(digits) : current - Number(digits)
      one.current = Math.max(0, Math.min(max, now))
      if (now <= max || everyone.has(said)) continue
      report({
        code: 'healing-above-max',
        severity: 'warning',
        line,
        message: `${name} has ${current} of ${max} health here; with ${what} it would be ${now}.`,
        fix:
          current === max ? `Leave it out, or wound ${name} before.` : `Write +${max - current}, or wound ${name} more before.`,
      })
    }
  }
}
