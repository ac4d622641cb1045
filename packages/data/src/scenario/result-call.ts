import { parseDice } from './dice.js'
import type { Character, RollResult, ScenarioCall } from './model.js'
import { rollName } from './skills.js'

/** The call that a result answers: by its name, or as dice under another name. */
export const callOf = (
  result: RollResult,
  calls: readonly ScenarioCall[],
  party: readonly Character[],
): ScenarioCall | undefined => calls.find((one) => names(result, one, party)) ?? calls.find((one) => isDamage(result, one))

/** Whether a result answers a call: the same words, with or without a name or "check" beside them. */
function names({ name }: RollResult, call: ScenarioCall, party: readonly Character[]): boolean {
  const asked = askedFor(call, party)
  const got = name.toLowerCase()
  return got.includes(asked) || asked.includes(got)
}

/** What a call asks for, a misspelt skill as it was meant. */
export function askedFor({ name, arguments: [first] }: ScenarioCall, party: readonly Character[]): string {
  const said = (first ?? name).toLowerCase()
  return parseDice(said) ? said : (rollName(said, party).right ?? said)
}

/** Dice may be answered under another name: `damage: 4 = *4*`. */
const isDamage = ({ name }: RollResult, call: ScenarioCall): boolean =>
  parseDice(call.arguments[0] ?? '') !== undefined && parseDice(name) === undefined

/** Whether a term's label says that it is what the die showed. */
export const isDie = (label: string | undefined): boolean => label === undefined || /^(die|dice|roll|rolled|d20)$/i.test(label)
