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

test('whatever the seed, a variant has the same outcomes and calls, and nothing is wrong with it', async () => {
  for (const { file, scenario } of await read())
    for (let seed = 0; seed < 12; seed++) {
      const variant = augmentScenario(scenario, { seed })
      expect(validateScenario(printScenario(variant), { file }).map(String)).toEqual([])
      expect(shape(variant)).toEqual(shape(scenario))
    }
})

test('a seed always gives the same variant, and seeds differ', async () => {
  const [first] = await read()
  const variant = (seed: number) => printScenario(augmentScenario(first!.scenario, { seed }))
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
<DM>It hurts Kara for 4. [health: Kara, -4]</DM>`)
  const totals = new Set<string>()
  for (let seed = 0; seed < 30; seed++) {
    const { party, turns } = augmentScenario(scenario, { seed })
    const name = party[0]!.name
    const amount = /= \*(\d)\*/.exec(turns[2]!.text)?.[1]
    totals.add(amount!)
    expect(name).not.toBe('Kara')
    expect(turns.map(({ text }) => text)).toEqual([
      `${name}'s foe bites. Roll 1d6 for ${name}.`,
      'Teeth close. [roll: 1d6]',
      `1d6: ${amount} = *${amount}*`,
      `It hurts ${name} for ${amount}. [health: ${name}, -${amount}]`,
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
    const turn = augmentScenario(scenario, { seed }).turns[2]
    expect(turn?.speaker === 'tool' && turn.results[0]!.total).toBeGreaterThanOrEqual(17)
  }
})
