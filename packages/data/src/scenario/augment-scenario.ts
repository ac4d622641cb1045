import { philox } from '@qt/core'
import { rerollTurns } from './augment-dice.js'
import { callNameSwapper, nameSwaps, spelledNames } from './augment-names.js'
import { attemptOpenings, itemGroups, placeSounds, races, titles } from './augment-words.js'
import type { Finding } from './finding.js'
import type { Character, Scenario, Turn } from './model.js'
import { turnOf } from './parse-calls.js'
import { type Swap, swapper } from './swap-words.js'
import { defaultTools, type ScenarioTool } from './tools.js'
import { validateScenario } from './validate-scenario.js'

/** Uniform whole numbers below n; the same seed always gives the same ones. */
export type Draw = (n: number) => number

/**
 * The same story with other names, places, things and dice. The arithmetic holds, a roll that succeeded still succeeds, and one that
 * failed still fails. Undefined when something is wrong with every variant that was tried and not with the scenario. The same seed gives
 * the same variant on every machine.
 *
 * @example
 * ```ts
 * const scenario = parseScenario(text)
 * const variants = [1, 2, 3].flatMap((seed) => augmentScenario(scenario, { seed }) ?? [])
 * ```
 */
export function augmentScenario(
  scenario: Scenario,
  options: { seed: number; tools?: readonly ScenarioTool[] },
): Scenario | undefined {
  const { seed, tools = defaultTools } = options
  let count = 0
  const draw: Draw = (n) => philox([count++, 0, 0, 0x61756774], [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0])[0] % n
  let faults: ReadonlyMap<string, number> | undefined
  for (let attempt = 0; attempt < attempts; attempt++) {
    const variant = varied(scenario, tools, draw, attempt < attempts - 1)
    const found = counted(validateScenario(variant, { tools }))
    if (found.size === 0) return variant
    faults ??= counted(validateScenario(scenario, { tools }))
    const before = faults
    if ([...found].every(([code, times]) => times <= (before.get(code) ?? 0))) return variant
  }
  return undefined
}

/** Other names and dice may fit where one drawing of them does not; the last tries with the old dice. */
const attempts = 4

function counted(findings: readonly Finding[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { code } of findings) counts.set(code, (counts.get(code) ?? 0) + 1)
  return counts
}

function varied(scenario: Scenario, tools: readonly ScenarioTool[], draw: Draw, dice: boolean): Scenario {
  const names = nameSwaps(scenario, draw)
  const swap = swapper([...places(scenario, draw), ...items(scenario, draw), ...people(scenario, draw), ...spelledNames(names)])
  const loose = callNameSwapper(scenario, names, tools)
  const rolled = dice ? rerollTurns(scenario.turns, scenario.party, tools, draw) : scenario.turns.map(({ text }) => text)
  const turns = scenario.turns.map(({ speaker }, index): Turn => {
    const text = swap(rolled[index]!)
    if (speaker === 'dm') return turnOf(speaker, loose.calls(text), tools)
    if (speaker === 'tool') return turnOf(speaker, loose.results(text), tools)
    return turnOf(speaker, tries(scenario.turns[index + 1], tools) ? rephrased(text, draw) : text, tools)
  })
  const texts = (['preamble', 'introduction', 'role', 'world', 'location', 'partyText'] as const).flatMap((key) => {
    const text = scenario[key]
    return text === undefined ? [] : [[key, swap(text)] as const]
  })
  return {
    ...scenario,
    ...Object.fromEntries(texts),
    party: scenario.party.map((character) => renamed(character, swap)),
    sections: scenario.sections.map(({ title, text }) => ({ title, text: swap(text) })),
    turns,
  }
}

const allText = ({ world, location, role, turns }: Scenario): string =>
  [role, world, location, ...turns.map(({ text }) => text)].join('\n')

/** Proper names of one word after a preposition; never one that is also an ordinary word, or part of a longer name. */
function places(scenario: Scenario, draw: Draw): Swap[] {
  const text = allText(scenario)
  const found = new Set<string>()
  for (const match of `${scenario.world ?? ''}\n${scenario.location ?? ''}`.matchAll(
    /(?<!\p{Lu}\p{L}+ )\b(?:of|in|near|from|along|to|at) (\p{Lu}\p{Ll}{3,})(?! \p{Lu})(?!')/gu,
  ))
    found.add(match[1]!)
  const party = new Set(scenario.party.flatMap(({ name }) => name.split(/[\s-]/)))
  return [...found]
    .filter(
      (name) => !party.has(name) && !titles.has(name.toLowerCase()) && !new RegExp(`\\b${name.toLowerCase()}\\b`).test(text),
    )
    .map((name): Swap => [name, place(draw)])
}

const place = (draw: Draw): string => placeSounds.map((sounds) => sounds[draw(sounds.length)]!).join('')

/** Things that stand in a group are exchanged within it, unless the story knows both. */
function items(scenario: Scenario, draw: Draw): Swap[] {
  const text = `${allText(scenario)}\n${scenario.party.flatMap(({ inventory }) => inventory.map(({ name }) => name)).join('\n')}`
  const has = (word: string) => new RegExp(`\\b${word}\\b`, 'i').test(text)
  return itemGroups.flatMap((group): Swap[] => {
    const here = group.filter(has)
    const other = group.filter((word) => !has(word))
    return here.length === 1 && other.length > 0 ? [[here[0]!, other[draw(other.length)]!]] : []
  })
}

/** Another people, where the story never speaks of it: "Dwarf Fighter" becomes "Human Fighter". */
function people(scenario: Scenario, draw: Draw): Swap[] {
  const told = allText(scenario).toLowerCase()
  return scenario.party.flatMap(({ class: name }): Swap[] => {
    const race = races.find((one) => name?.startsWith(`${one} `))
    if (name === undefined || race === undefined || told.includes(race.toLowerCase())) return []
    const others = races.filter((one) => one !== race)
    return [[name, name.replace(race, others[draw(others.length)]!)]]
  })
}

function renamed(character: Character, swap: (text: string) => string): Character {
  const { name, description, inventory, other } = character
  return {
    ...character,
    name: swap(name),
    ...(character.class === undefined ? {} : { class: swap(character.class) }),
    inventory: inventory.map((item) => ({ ...item, name: swap(item.name) })),
    other: other.map(swap),
    ...(description === undefined ? {} : { description: swap(description) }),
  }
}

/** Whether what was said before is an attempt: the game master answers it with a call that has a result. */
const tries = (answer: Turn | undefined, tools: readonly ScenarioTool[]): boolean =>
  answer?.speaker === 'dm' &&
  answer.calls.some((call) => tools.some(({ name, returns }) => returns === true && name === call.name))

/** "I climb the wall" as "I try to climb the wall", and the other way round. */
function rephrased(text: string, draw: Draw): string {
  const opening = attemptOpenings.find((one) => text.startsWith(`${one} `)) ?? 'I'
  const verb = new RegExp(`^${opening} (?!am |was |have |had |will |can |do )[a-z]+ `)
  const chosen = draw(2) === 0 ? opening : attemptOpenings[draw(attemptOpenings.length)]!
  return verb.test(text) ? chosen + text.slice(opening.length) : text
}
