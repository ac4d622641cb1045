import fc from 'fast-check'
import type { Character, Scenario } from '../src/index.js'
import { turnOf } from '../src/index.js'

const letters = "abcdefghiklmnoprstuvwyzABDEGKLMRSTé'"
const word = fc.string({ unit: fc.constantFrom(...letters), minLength: 1, maxLength: 9 }).filter((text) => /^[a-z]/i.test(text))
const words = (most: number) => fc.array(word, { minLength: 1, maxLength: most }).map((list) => list.join(' '))
const name = words(2).filter((text) => !/^(level|lvl|hp|exp|xp|none|empty|nothing|pc|npc|player|companion)\b/i.test(text))

/** Lines that look like structure: printing must keep them text. */
const nasty = fc.constantFrom(
  '# DM',
  '## User',
  '# World',
  '### Kara',
  '\\# DM',
  '</DM>',
  'she says <User> twice',
  '\\<DM>',
  '- Level 3',
  'Party: all of them',
  '  Role: none',
  '* a star',
  '#hash',
  '\\\\- twice',
  '[roll: perception]',
  '*SUCCESS* It opens.',
  'perception: 15 + 10(skill) = *25*',
  '',
)
const text = fc
  .array(fc.oneof(words(6), nasty), { minLength: 1, maxLength: 5 })
  .map((lines) => lines.join('\n').trim())
  .filter((joined) => joined !== '')
/** A description has no indentation: it lies beneath a list. */
const description = text.map((lines) =>
  lines
    .split('\n')
    .map((line) => line.trim())
    .join('\n'),
)
const gauge = fc.record({ current: fc.nat(99), max: fc.nat(99) })
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })

const character: fc.Arbitrary<Character> = fc
  .record({
    name: fc.oneof(
      name,
      name.map((one) => `${one} (the Red)`),
    ),
    kind: optional(fc.constantFrom('player' as const, 'companion' as const)),
    class: optional(fc.oneof(name, fc.constantFrom('Fighter, Rogue', 'Level 3', 'NPC', 'Wizard (evoker)'))),
    level: optional(fc.nat(20)),
    health: optional(gauge),
    experience: optional(gauge),
    inventory: fc.array(
      fc.record({
        name: fc.oneof(name, fc.constantFrom('gold pieces', '10-foot pole', '5 apples', 'rope (50 ft, silk)', 'x', 'box x2 set')),
        count: fc.nat(60),
      }),
      { maxLength: 3 },
    ),
    spells: fc.array(name, { maxLength: 3 }),
    skills: fc.array(fc.record({ name, bonus: optional(fc.integer({ min: -5, max: 15 })) }).map(present), { maxLength: 3 }),
    other: fc.array(
      fc.tuple(word, words(3)).map(([key, value]) => `about ${key}: ${value}`),
      { maxLength: 2 },
    ),
    description: optional(description),
  })
  .map(present)

const turn = fc
  .tuple(fc.constantFrom('user' as const, 'dm' as const, 'tool' as const), fc.oneof(text, fc.constant('')))
  .map(([speaker, said]) => turnOf(speaker, said))

/** Scenarios as parsing could give them, hard ones among them. */
export const scenarios: fc.Arbitrary<Scenario> = fc
  .record({
    preamble: optional(words(5)),
    introduction: optional(text),
    role: optional(text),
    world: optional(text),
    location: optional(text),
    partyText: optional(text),
    party: fc.array(character, { maxLength: 3 }),
    sections: fc.array(fc.record({ title: words(2).map((title) => `About ${title}`), text: fc.oneof(text, fc.constant('')) }), {
      maxLength: 2,
    }),
    turns: fc.array(turn, { maxLength: 6 }),
  })
  .map(present)

/** An object without its undefined properties. */
function present<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>
  }
}
