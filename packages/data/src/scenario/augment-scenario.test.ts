import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { augmentScenario } from './augment-scenario.js'
import type { Scenario } from './model.js'
import { parseScenario } from './parse-scenario.js'
import { printScenario } from './print-scenario.js'
import { scenarioFiles } from './scenario-files.js'
import { validateScenario } from './validate-scenario.js'

const folder = fileURLToPath(new URL('../../../../examples/dungeon-master/', import.meta.url))
const read = async () =>
  Promise.all(
    (await scenarioFiles(folder)).map(async (file) => ({
      file,
      scenario: parseScenario(await readFile(file, 'utf8'), { file }),
    })),
  )
const shape = ({ turns }: Scenario) =>
  turns.map((turn) => [turn.speaker, turn.speaker === 'dm' ? [turn.outcome, turn.calls.map(({ name }) => name)] : undefined])

/** A variant, which all these scenarios have. */
function augmented(scenario: Scenario, seed: number): Scenario {
  const variant = augmentScenario(scenario, { seed })
  expect(variant).toBeDefined()
  return variant ?? scenario
}
const party = (...names: string[]) => `<SYSTEM>\n# Party\n${names.map((name) => `## ${name}\n`).join('')}</SYSTEM>\n`
const texts = (variant: Scenario) => variant.turns.map(({ text }) => text)

test('whatever the seed, a variant has the same outcomes and calls, and nothing is wrong with it', async () => {
  for (const { file, scenario } of await read())
    for (let seed = 0; seed < 4; seed++) {
      const variant = augmented(scenario, seed)
      expect(validateScenario(printScenario(variant), { file }).map(String)).toEqual([])
      expect(shape(variant)).toEqual(shape(scenario))
    }
}, 120_000)

test('a seed always gives the same variant, and seeds differ', async () => {
  const [first] = await read()
  const variant = (seed: number) => printScenario(augmented(first!.scenario, seed))
  expect(variant(7)).toBe(variant(7))
  expect(new Set([1, 2, 3, 4, 5, 6].map(variant)).size).toBe(6)
})

test('names change everywhere at once, and an amount that was rolled follows the dice', () => {
  const scenario = parseScenario(`<SYSTEM>
# Party
## Kara
- Dwarf Fighter
</SYSTEM>
<User>Kara's foe bites. Roll 1d6 for Kara.</User>
<DM>Teeth close. [roll: 1d6]</DM>
<TOOLCALL>1d6: 4 = *4*</TOOLCALL>
<DM>It hurts Kara. [health: Kara, -4]</DM>`)
  const totals = new Set<string>()
  for (let seed = 0; seed < 30; seed++) {
    const { party, turns } = augmented(scenario, seed)
    const name = party[0]!.name
    const amount = /= \*(\d)\*/.exec(turns[2]!.text)?.[1]
    totals.add(amount!)
    expect(name).not.toBe('Kara')
    expect(turns.map(({ text }) => text)).toEqual([
      `${name}'s foe bites. Roll 1d6 for ${name}.`,
      'Teeth close. [roll: 1d6]',
      `1d6: ${amount} = *${amount}*`,
      `It hurts ${name}. [health: ${name}, -${amount}]`,
    ])
  }
  expect(totals.size).toBe(6)
})

test('a stated difficulty decides which rolls fit, and a natural 1 or 20 never contradicts the story', () => {
  const scenario = parseScenario(`<SYSTEM>\n# World\nx\n</SYSTEM>
<User>I listen.</User><DM>[roll: perception]</DM>
<TOOLCALL>perception: 15 + 3(skill) = *18* vs DC 17</TOOLCALL>
<DM>*SUCCESS* Steps.</DM>`)
  for (let seed = 0; seed < 60; seed++) {
    const turn = augmented(scenario, seed).turns[2]
    expect(turn?.speaker === 'tool' && turn.results[0]!.total).toBeGreaterThanOrEqual(17)
  }
})

test('titles and articles stay, and each word of a name changes wherever it stands', () => {
  const scenario =
    parseScenario(`${party('Doctor Lund', 'Old Tom', 'Lord Tiberius Plum', 'Rook the Bold', 'The Grey Wolf', 'The Duke')}
<User>Would the good Doctor see to it? Old men ask. The dog barks at Lund, Tom, Plum, Tiberius and ROOK.</User>
<DM>The Grey Wolf and the Duke nod to Lord Tiberius Plum. Doctor Lund--Old Tom's friend--sleeps.</DM>`)
  for (let seed = 0; seed < 20; seed++) {
    const variant = augmented(scenario, seed)
    const [lund, tom, plum, rook, ...rest] = variant.party.map(({ name }) => name)
    const [, given, family] = /^Lord (\p{Lu}\p{Ll}+) (\p{Lu}\p{Ll}+)$/u.exec(plum!)!
    const doctor = lund!.replace('Doctor ', '')
    const old = tom!.replace('Old ', '')
    const bold = rook!.replace(' the Bold', '')
    for (const name of [doctor, old, bold]) expect(name).toMatch(/^\p{Lu}\p{Ll}+$/u)
    expect(new Set([doctor, old, bold, given, family, 'Lund', 'Tom', 'Rook', 'Tiberius', 'Plum']).size).toBe(10)
    expect(rest).toEqual(['The Grey Wolf', 'The Duke'])
    expect(texts(variant)).toEqual([
      `Would the good Doctor see to it? Old men ask. The dog barks at ${doctor}, ${old}, ${family}, ${given} and ${bold.toUpperCase()}.`,
      `The Grey Wolf and the Duke nod to Lord ${given} ${family}. Doctor ${doctor}--Old ${old}'s friend--sleeps.`,
    ])
  }
})

test('calls and results keep to the names whatever their case, and an ordinary word is no name', () => {
  const scenario = parseScenario(`${party('Kara', 'Caspian Wick')}
<User>Kara lights the wick.</User>
<DM>Wick looks on. [roll: stealth, kara]</DM>
<TOOLCALL>kara stealth: 12 = *12*</TOOLCALL>
<DM>A spark. [health: kara, -4] [health: caspian wick, -2] [inventory: KARA, -wick]</DM>`)
  const variant = augmented(scenario, 3)
  const [kara, caspian] = variant.party.map(({ name }) => name)
  expect(kara).not.toBe('Kara')
  expect(caspian).toMatch(/^(?!Caspian)\p{Lu}\p{Ll}+ Wick$/u)
  const [said, asks, result, hurt] = texts(variant)
  expect(said).toBe(`${kara} lights the wick.`)
  expect(asks).toBe(`Wick looks on. [roll: stealth, ${kara!.toLowerCase()}]`)
  expect(result).toMatch(new RegExp(`^${kara!.toLowerCase()} stealth: \\d+ = `))
  expect(hurt).toBe(
    `A spark. [health: ${kara!.toLowerCase()}, -4] [health: ${caspian!.toLowerCase()}, -2] [inventory: ${kara!.toUpperCase()}, -wick]`,
  )
})

test('what is used up is the thing that the sheet now has', () => {
  const scenario = parseScenario(`<SYSTEM>\n# Party\n## Kara\n- Inventory: saffron\n</SYSTEM>
<User>I sell the saffron.</User><DM>Sold. [inventory: Kara, -saffron]</DM>`)
  const { party: sheets, turns } = augmented(scenario, 1)
  const thing = sheets[0]!.inventory[0]!.name
  expect(thing).not.toBe('saffron')
  expect(turns[1]!.text).toBe(`Sold. [inventory: ${sheets[0]!.name}, -${thing}]`)
})

test('dice under another name are rolled with the dice of the call, and each amount is followed in its own call', () => {
  const scenario = parseScenario(`${party('Kara', 'Orin')}
<User>Roll for both.</User>
<DM>They fall. [roll: 1d6] [roll: 2d4+1]</DM>
<TOOLCALL>damage: 4 = *4*
2d4+1: 3(d4) + 2(d4) + 1 = *6*</TOOLCALL>
<DM>Rubble everywhere. [health: Orin, -6] [health: Kara, -4]</DM>`)
  const seen = new Set<string>()
  for (let seed = 0; seed < 40; seed++) {
    const variant = augmented(scenario, seed)
    const [kara, orin] = variant.party.map(({ name }) => name)
    const result = variant.turns[2]!
    const [one, two] = result.speaker === 'tool' ? result.results : []
    expect(one!.total).toBeLessThanOrEqual(6)
    expect(result.text).toMatch(/^damage: (\d) = \*\1\*\n2d4\+1: [1-4]\(d4\) \+ [1-4]\(d4\) \+ 1 = \*\d\*$/)
    expect(variant.turns[3]!.text).toBe(`Rubble everywhere. [health: ${orin}, -${two!.total}] [health: ${kara}, -${one!.total}]`)
    seen.add(`${one!.total} ${two!.total}`)
  }
  expect(seen.size).toBeGreaterThan(10)
})

test('dice that the story follows in its words or in a sum stay as they are', () => {
  const story = (results: string, dm: string) => `${party('Kara')}
<User>I fall. Shall we roll?</User>
<DM>You do. [roll: 1d6]${results.includes('\n') ? ' [roll: 1d6]' : ''}</DM>
<TOOLCALL>${results}</TOOLCALL>
<DM>${dm}</DM>`
  for (const [results, dm] of [
    ['1d6: 4 = *4*', 'On 4 goblins. [health: Kara, -4]'],
    ['1d6: 4 = *4*', 'Four goblins come.'],
    ['1d6: 4 = *4*', 'Half of it. [health: Kara, -2]'],
    ['1d6: 4 = *4*\n1d6: 3 = *3*', 'Ow. [health: Kara, -7]'],
    ['1d6: 4 = *4*\n1d6: 4 = *4*', 'Ow. [health: Kara, -4]'],
  ] as const)
    for (let seed = 0; seed < 8; seed++) {
      const variant = augmented(parseScenario(story(results, dm)), seed)
      expect(texts(variant).slice(2)).toEqual([results, dm.replace('Kara', variant.party[0]!.name)])
    }
})

test('a bonus that stands first is no die, and several results keep their sides of the difficulty', () => {
  const scenario = parseScenario(`${party('Kara')}
<User>I climb and listen.</User>
<DM>Both at once. [roll: athletics, DC 12] [roll: perception, DC 15]</DM>
<TOOLCALL>athletics: 4(skill) + 9(roll) = *13*
perception: 8 + 3(wisdom) = *11*</TOOLCALL>
<DM>*SUCCESS* Up, and deaf.</DM>`)
  const seen = new Set<number>()
  for (let seed = 0; seed < 30; seed++) {
    const turn = augmented(scenario, seed).turns[2]!
    expect(turn.text).toMatch(/^athletics: 4\(skill\) \+ 9\(roll\) = \*13\*\n/)
    const total = turn.speaker === 'tool' ? turn.results[1]!.total : 15
    expect(total).toBeLessThan(15)
    seen.add(total)
  }
  expect(seen.size).toBeGreaterThan(3)
})

test('a variant with something wrong that the scenario has not is dropped', () => {
  // The new name of Light would be a spell that nobody has.
  const scenario = parseScenario(`<SYSTEM>
# Party
## Light
- Spells: Light
</SYSTEM>
<User>I cast Light.</User><DM>It shines. [spellcast: Light, 0]</DM>`)
  for (let seed = 0; seed < 5; seed++) expect(augmentScenario(scenario, { seed })).toBeUndefined()
})
