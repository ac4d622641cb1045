import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ChatMessage } from '@qt/core'
import { parseScenario } from '@qt/data'
import { expect, test, vi } from 'vitest'
import { scriptedModel } from '../../test/scripted-model.js'
import { runSuites } from '../run/run-suites.js'
import { loadProfile } from './profile.js'
import { conversationItems, qualitySuite } from './quality-suite.js'
import { loadSheet, sheetAfter, sheetDuring, sheetOf } from './sheet.js'

// On a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const { values } = await loadProfile('dungeon-master')
const { party } = parseScenario(`# SYSTEM
Role: You lead.
World: A world.
Location: A cave.
Party:
- Kara Ironhand (Player Character, Dwarf Fighter, Level 3, HP: 14/18)
- Finn (NPC Companion, Tinker, HP: 9/9)
# USER
I look.
# DM
Dust.
`)
const sheet = sheetOf(party, values)
const healths = ({ characters }: typeof sheet) => characters.map(({ facts }) => facts?.health)

test('a party is a sheet: of a class only what the setting has other values of', () => {
  expect(sheet.characters).toEqual([
    {
      name: 'Kara Ironhand',
      facts: { class: 'Dwarf Fighter', race: 'Dwarf Fighter', level: 3, health: 14 },
      most: { health: 18 },
    },
    { name: 'Finn', facts: { health: 9 }, most: { health: 9 } },
  ])
})

test('health follows the calls, between nothing and its most; after dice nobody knows it', () => {
  const after = (said: string) => healths(sheetAfter(sheet, said))
  expect(after('A blow. [health: Kara, -4]')).toEqual([10, 9])
  expect(after('[health: kara ironhand, +9] [Health: Finn, −20]')).toEqual([18, 0])
  expect(after('[health: party, -2]')).toEqual([12, 7])
  expect(after('[health: Kara, -1d6]')).toEqual([undefined, 9])
  expect(after('[health: the goblin, -4] [roll: perception]')).toEqual([14, 9])
  expect(healths(sheetDuring(sheet, '[health: Kara, -4]'))).toEqual([[14, 10], 9])
})

test('an answer is held against the sheet as it stands at its turn', async () => {
  const messages: ChatMessage[] = [
    { role: 'user', content: 'I charge.' },
    { role: 'assistant', content: 'It bites. [health: Kara, -4]' },
    { role: 'user', content: 'How is she?' },
    { role: 'assistant', content: 'Kara has 10 health.' },
  ]
  const consistent = async (answer: string) => {
    const suite = await qualitySuite(conversationItems([{ messages, sheet }]))
    const { suites } = await runSuites(
      scriptedModel(() => answer),
      [suite],
    )
    expect(suites[0]!.metrics.map(({ name }) => name)).toContain('consistent')
    return suites[0]!.items.at(-1)!
  }
  for (const right of ['Kara Ironhand has 10 health.', 'Kara Ironhand has 7 health left. [health: Kara, -3]'])
    expect((await consistent(right)).scores.consistent, right).toEqual([1, 1])
  for (const [wrong, why] of [
    ['Kara Ironhand has 14 health.', 'Kara Ironhand has health 10, not 14'],
    ['Kara Ironhand is a level 9 hero.', 'level 3, not 9'],
    ['Kara Ironhand the wizard bows.', 'Kara Ironhand is Dwarf Fighter, not wizard'],
    ['The elf Kara Ironhand bows.', 'Kara Ironhand is Dwarf Fighter, not elf'],
    ['Kara has 14 health.', 'Kara Ironhand has health 10, not 14'],
    ['Beside her Fynn bows.', 'Finn is written Fynn'],
  ] as const) {
    const { scores, explanation } = await consistent(wrong)
    expect(scores.consistent, wrong).toEqual([0.5, 1])
    expect(explanation).toContain(why)
  }
})

test('a sheet of a file is read, and one that is wrong names the field', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'qt-sheet-'))
  const file = join(folder, 'party.yaml')
  await writeFile(
    file,
    'characters:\n  - { name: Mira, facts: { class: ranger, health: 12 } }\nvalues: { class: [ranger, wizard] }\n',
  )
  expect((await loadSheet(file)).characters[0]).toEqual({ name: 'Mira', facts: { class: 'ranger', health: 12 } })
  await writeFile(file, 'characters: [{ name: Mira, facts: { class: [ranger] } }]\n')
  await expect(loadSheet(file)).rejects.toMatchObject({
    code: 'EVAL_SHEET_INVALID',
    where: { field: 'characters.0.facts.class' },
  })
  await expect(loadSheet('./nowhere.yaml')).rejects.toMatchObject({ code: 'EVAL_SHEET_INVALID' })
  await rm(folder, { recursive: true })
})
