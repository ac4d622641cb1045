import type { Draw } from './augment-scenario.js'
import { characterNames, familyNames, looks, titles } from './augment-words.js'
import type { Scenario } from './model.js'
import { parseCalls } from './parse-calls.js'
import { parseResult } from './parse-result.js'
import { looseSwapper, type Swap, swapper } from './swap-words.js'
import type { ScenarioTool } from './tools.js'

/** Other names for the words of the party's names. The same word gets the same name in all of them. */
export function nameSwaps(scenario: Scenario, draw: Draw): Swap[] {
  const { party } = scenario
  const told = new Set(toldText(scenario).match(word) ?? [])
  const known = new Set([...told, ...party.flatMap(({ name }) => name.match(word) ?? [])].map((one) => one.toLowerCase()))
  const unknown = (name: string) => !known.has(name.toLowerCase())
  const free = { given: characterNames.filter(unknown), family: familyNames.filter(unknown) }
  const swaps = new Map<string, string>()
  for (const { name } of party) {
    const words = nameWords(name)
    for (const [index, one] of words.entries()) {
      // Beside "the wick of a lamp", nobody can tell which "Wick" at the beginning of a sentence is the man.
      const ordinary = one !== one.toLowerCase() && told.has(one.toLowerCase())
      if (ordinary || one.length < 2 || swaps.has(one)) continue
      const names = index > 0 && index === words.length - 1 ? free.family : free.given
      const [other] = names.splice(draw(names.length), 1)
      if (other !== undefined) swaps.set(one, other)
    }
  }
  return [...swaps]
}

const word = /[\p{L}\p{M}\p{N}]+/gu

/** What is told, without the calls and the results, in which names may be written small. */
function toldText({ introduction, role, world, location, partyText, party, sections, turns }: Scenario): string {
  const sheets = party.flatMap(({ description, inventory, other }) => [
    description,
    ...inventory.map(({ name }) => name),
    ...other,
  ])
  const said = turns.map((turn) => {
    if (turn.speaker === 'tool') return ''
    return turn.speaker === 'dm' ? turn.calls.reduce((text, call) => text.replace(call.text, ' '), turn.text) : turn.text
  })
  return [introduction, role, world, location, partyText, ...sheets, ...sections.map(({ text }) => text), ...said].join('\n')
}

/**
 * The words of a name that are names: not the titles and articles before them ("Doctor Lund", "Old Tom"), nor what follows "the" or
 * "of" ("Kara the Bold"). What begins with an article and no title ("The Grey Wolf") has none.
 */
export function nameWords(name: string): string[] {
  const words = (name.match(/\p{L}[\p{L}\p{M}\p{N}'’.-]*/gu) ?? []).map((one) => one.replace(/[.'’-]+$/, ''))
  const article = /^(?:the|an?)$/i.test(words[0] ?? '')
  if (article && !titles.has(words[1]?.toLowerCase() ?? '')) return []
  const stays = (one: string) => titles.has(one) || looks.has(one)
  const start = words.findIndex((one, index) => !stays(one.toLowerCase()) && !(article && index === 0))
  const rest = start < 0 ? [] : words.slice(start)
  const end = rest.findIndex((one) => /^(?:the|of)$/i.test(one))
  const named = end < 0 ? rest : rest.slice(0, end)
  const small = named.every((one) => one === one.toLowerCase())
  return small ? named : named.filter((one) => /^\p{Lu}/u.test(one) || !/^\p{Ll}/u.test(one))
}

/** As it is written in the story: shouted, too, and at the beginning of a sentence where the sheet has it small. */
export const spelledNames = (names: readonly Swap[]): Swap[] =>
  names.flatMap(([from, to]): Swap[] => [
    [from.toUpperCase(), to.toUpperCase()],
    [from[0]!.toUpperCase() + from.slice(1), to],
    [from, from === from.toLowerCase() ? to.toLowerCase() : to],
  ])

/** Swaps names in the arguments of calls and the names of results, whatever their case. */
export function callNameSwapper(
  { party }: Scenario,
  names: readonly Swap[],
  tools: readonly ScenarioTool[],
): { calls: (text: string) => string; results: (text: string) => string } {
  const loose = looseSwapper(names)
  const renamed = swapper(spelledNames(names))
  // Asked of the text in which all names but the small ones are new.
  const whole = new Set(
    party.flatMap(({ name }) => [name, renamed(name), ...nameWords(name).slice(0, 1)]).map((one) => one.toLowerCase()),
  )
  const calls = (text: string): string => {
    let out = ''
    let from = 0
    for (const call of parseCalls(text, tools)) {
      const tool = tools.find(({ name }) => name === call.name)
      let at = call.start + call.text.indexOf(':') + 1
      for (const [index, argument] of call.arguments.entries()) {
        at = text.indexOf(argument, at)
        const kind = tool?.arguments[index]?.kind
        const named = kind === 'character' || (!kind?.includes('skill') && whole.has(argument.toLowerCase()))
        out += text.slice(from, at) + (named ? loose(argument) : argument)
        at += argument.length
        from = at
      }
    }
    return out + text.slice(from)
  }
  const results = (text: string): string =>
    text
      .split('\n')
      .map((line) => {
        const name = parseResult(line)?.name
        return name === undefined ? line : line.replace(name, loose)
      })
      .join('\n')
  return { calls, results }
}
