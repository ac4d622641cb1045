import { philox } from '@qt/core'
import { attemptOpenings, characterNames, itemGroups, placeSounds, races } from './augment-words.js'
import { parseDice } from './dice.js'
import type { Character, Scenario, Turn } from './model.js'
import { turnOf } from './parse-calls.js'
import { rerollLine } from './reroll.js'
import { defaultTools, type ScenarioTool } from './tools.js'

/** Uniform whole numbers below n; the same seed always gives the same ones. */
export type Draw = (n: number) => number

/**
 * The same story with other names, places, things and dice. The arithmetic holds, a roll that succeeded still succeeds, and one that
 * failed still fails. The same seed gives the same scenario on every machine.
 *
 * @example
 * ```ts
 * const scenario = parseScenario(text)
 * const variants = [1, 2, 3].map((seed) => augmentScenario(scenario, { seed }))
 * ```
 */
export function augmentScenario(scenario: Scenario, options: { seed: number; tools?: readonly ScenarioTool[] }): Scenario {
  const { seed, tools = defaultTools } = options
  let count = 0
  const draw: Draw = (n) => philox([count++, 0, 0, 0x61756774], [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0])[0] % n
  const swap = swapper([...names(scenario, draw), ...places(scenario, draw), ...items(scenario, draw), ...people(scenario, draw)])
  const again = dice(scenario.turns, draw)
  const turns = scenario.turns.map((turn, index): Turn => {
    const text = swap(again(turn, index))
    return turnOf(turn.speaker, tries(scenario.turns[index + 1], tools) ? rephrased(text, draw) : text, tools)
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

type Swap = readonly [from: string, to: string]

/** Replaces whole words, all at once, so that nothing is replaced twice. */
function swapper(swaps: readonly Swap[]): (text: string) => string {
  if (swaps.length === 0) return (text) => text
  const to = new Map(swaps)
  const longest = [...to.keys()].toSorted((a, b) => b.length - a.length)
  const plain = longest.map((word) => word.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
  const pattern = new RegExp(`(?<![\\p{L}\\p{N}-])(?:${plain.join('|')})(?![\\p{L}\\p{N}-])`, 'gu')
  return (text) => text.replace(pattern, (word) => to.get(word) ?? word)
}

const allText = ({ world, location, role, turns }: Scenario): string =>
  [role, world, location, ...turns.map(({ text }) => text)].join('\n')

function names({ party }: Scenario, draw: Draw): Swap[] {
  const free = characterNames.filter((name) => !party.some((character) => character.name.split(/[\s-]/).includes(name)))
  return party.flatMap(({ name }): Swap[] => {
    const [other] = free.splice(draw(free.length), 1)
    if (other === undefined || name === '') return []
    const first = name.split(' ')[0]!
    return first === name
      ? [[name, other]]
      : [
          [name, other],
          [first, other],
        ]
  })
}

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
    .filter((name) => !party.has(name) && !new RegExp(`\\b${name.toLowerCase()}\\b`).test(text))
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

/** New dice. A number that the story repeats after a roll of dice (`[health: Kara, -4]`) follows it. */
function dice(turns: readonly Turn[], draw: Draw): (turn: Turn, index: number) => string {
  let amount: { before: number; now: number } | undefined
  return (turn, index) => {
    const next = turns[index + 1]
    if (turn.speaker === 'tool') {
      const outcome = next?.speaker === 'dm' ? next.outcome : undefined
      const asked = turns[index - 1]
      const dc = asked?.speaker === 'dm' ? Number(/\bDC (\d{1,3})\b/.exec(asked.text)?.[1] ?? Number.NaN) : Number.NaN
      amount = undefined
      return turn.text
        .split('\n')
        .map((line) => {
          const found = turn.results.find(({ text }) => text === line.trim())
          if (found === undefined) return line
          const rolled = rerollLine(line, found, { outcome, dc: found.dc ?? (Number.isNaN(dc) ? undefined : dc), draw })
          if (parseDice(found.name)) amount = { before: found.total, now: rolled.total }
          return rolled.text
        })
        .join('\n')
    }
    const follows = amount
    amount = undefined
    if (turn.speaker !== 'dm' || follows === undefined) return turn.text
    return turn.text.replace(new RegExp(`(?<!\\d)${follows.before}(?!\\d)`, 'g'), String(follows.now))
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
