import type { ChatMessage, Embedder } from '@qt/core'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { scriptedModel } from '../../test/scripted-model.js'
import { runSuites } from '../run/run-suites.js'
import { agreesWithSheet, onTopic, spellsNames } from './coherence.js'
import { lengthFit, noRefusal, noRepetition, personaFit, settingFit, specificity } from './heuristics.js'
import { loadProfile, parseProfile } from './profile.js'
import { conversationItems, qualityOf, qualityParts, qualitySuite } from './quality-suite.js'
import { findPhrase } from './words.js'

// On a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const profile = await loadProfile('dungeon-master')

test('words of a lexicon are found as words, with a star for any ending', () => {
  expect(findPhrase('The goblins’ axe; an Axe.', 'axe')).toEqual(['axe', 'axe'])
  expect(findPhrase('Goblins and a goblin', 'goblin*')).toEqual(['goblins', 'goblin'])
  expect(findPhrase('a carpet', 'car')).toEqual([])
  expect(findPhrase('As  an\nAI, I', 'as an ai')).toHaveLength(1)
})

test('a setting is kept or broken, and each finding is quoted', () => {
  expect(settingFit('A goblin with a rusty dagger waits in the crypt.', profile)).toMatchObject({ score: 1 })
  const modern = settingFit('The goblin checks his smartphone.', profile)
  expect(modern.score).toBeLessThan(0.6)
  expect(modern.notes).toContain('does not belong (modern things): "smartphone"')
  expect(settingFit('As an AI I cannot say.', profile).score).toBe(0)
  expect(settingFit('Hm.', profile).score).toBe(0.5)
})

test('persona, refusal and length', () => {
  expect(personaFit('You see a door. What do you do?', profile).score).toBe(1)
  expect(personaFit('You decide to flee.', profile)).toMatchObject({ notes: ['not for this role: "you decide to"'] })
  expect(noRefusal("I'm sorry, but I can't continue.", profile).score).toBe(0)
  expect([
    lengthFit('', profile).score,
    lengthFit('word '.repeat(50), profile).score,
    lengthFit('word '.repeat(400), profile).score,
  ]).toEqual([0, 1, 0])
})

test('repetition is found in an answer and beside earlier ones', () => {
  expect(noRepetition('The gate opens slowly before you.').score).toBe(1)
  const twice = noRepetition('The gate opens slowly. The gate opens slowly.')
  expect(twice.score).toBeLessThan(0.6)
  expect(twice.notes.join()).toContain('said twice: "the gate opens slowly"')
  expect(noRepetition('The gate opens slowly again.', ['And the gate opens slowly.']).notes[0]).toContain(
    '"the gate opens slowly"',
  )
  expect(specificity('it is what it is and that is what it is').score).toBeLessThan(0.3)
  expect(specificity('Rusted chains hang above the drowned altar.').score).toBe(1)
})

test('facts of the sheet stand', () => {
  const sheet = {
    characters: [
      { name: 'Mira', facts: { class: 'ranger', health: 12 } },
      { name: 'Bran', facts: { class: 'wizard' } },
    ],
    values: { class: ['ranger', 'wizard', 'cleric'] },
  }
  expect(agreesWithSheet('Mira the ranger nocks an arrow. Bran waits.', sheet)).toEqual({ score: 1, notes: [] })
  expect(agreesWithSheet('Mira the wizard raises her staff.', sheet).notes).toEqual([
    'Mira is ranger, not wizard: "Mira the wizard raises her staff."',
  ])
  expect(agreesWithSheet('Mira has 20 health left.', sheet).notes[0]).toContain('not 20')
  expect(agreesWithSheet('Mira asks the wizard Bran.', sheet).score).toBe(1)
  for (const stranger of [
    'Mira greets the wizard at the gate.',
    'Mira is facing a wizard.',
    'Mira, a wizard bars the way.',
    'Mira heals the goblin, who has 4 health.',
    'Mira loses 5 health.',
    "Mira is the wizard's friend.",
  ])
    expect(agreesWithSheet(stranger, sheet), stranger).toEqual({ score: 1, notes: [] })
  for (const wrong of [
    'Bran watches Mira the young wizard.',
    'Mira is a gifted wizard.',
    'The wizard Mira laughs.',
    'Mira, a cleric, prays.',
    "Mira's health is 3.",
  ])
    expect(agreesWithSheet(wrong, sheet).notes, wrong).toHaveLength(1)
  const odd = { characters: [{ name: 'Mira', facts: { 'points (max)': 12, age: 20 } }] }
  expect(agreesWithSheet('Mira has 9 points (max) and saves 3 pages.', odd).notes).toHaveLength(1)
})

test('a name one letter off is found where it cannot be another word', () => {
  const sheet = { characters: [{ name: 'Mira Vale' }, { name: 'Bo' }] }
  expect(spellsNames('Then Mirra nods; by her, Vala waits.', sheet, []).notes).toEqual([
    'Mira is written Mirra: "Then Mirra nods; by her, Vala waits."',
    'Vale is written Vala: "Then Mirra nods; by her, Vala waits."',
  ])
  for (const fine of ['Mire covers the path. Mira and Mira’s friend Bob wait.', 'Old Mora greets MIRA.'])
    expect(spellsNames(fine, sheet, ['The smith is called Mora.'])).toEqual({ score: 1, notes: [] })
})

test('the topic: by an embedder where there is one, else by shared words', async () => {
  const embedder: Embedder = {
    dimensions: 2,
    embed: async (texts) => texts.map((text) => Float32Array.from(text.includes('altar') ? [1, 0] : [0, 1])),
  }
  expect((await onTopic('I search the altar.', 'The altar is cold.', embedder)).score).toBe(1)
  expect(await onTopic('I search the altar.', 'Fish swim.', embedder)).toMatchObject({
    score: 0,
    notes: ['far from what was asked (cosine 0.00)'],
  })
  expect((await onTopic('I search the altar.', 'The altar is cold.')).score).toBe(1)
  expect((await onTopic('I search the altar.', '')).score).toBe(0)
})

test('a game master scores above nonsense, and every part says why', async () => {
  const messages: ChatMessage[] = [
    { role: 'user', content: 'I open the crypt door.' },
    { role: 'assistant', content: 'It creaks.' },
    { role: 'user', content: 'I look around the crypt.' },
    { role: 'assistant', content: 'Bones.' },
  ]
  const items = conversationItems([{ messages }])
  expect(items.map(({ id }) => id)).toEqual(['conversation 1#1', 'conversation 1#3'])
  const good = scriptedModel(() => 'You see a crypt of cold stone; a skeleton clutches a silver key. What do you do?')
  const bad = scriptedModel(() => 'As an AI language model I use the internet. As an AI language model I use the internet.')
  const [a, b] = [await runSuites(good, [await qualitySuite(items)]), await runSuites(bad, [await qualitySuite(items)])]
  const value = (report: typeof a) => report.suites[0]!.metrics[0]!.value
  expect(value(a)).toBeGreaterThan(0.9)
  expect(value(b)).toBeLessThan(0.65)
  expect(b.suites[0]!.items[0]!.explanation).toMatch(/setting 0\.00: .*"internet"/)
  const unsheeted = qualityParts.filter((part) => part !== 'consistent')
  expect(a.suites[0]!.metrics.map(({ name }) => name)).toEqual(['quality', ...unsheeted])
})

test('every part stays between 0 and 1, whatever the answer', async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string(), fc.lorem()), async (answer) => {
      const { score, parts } = await qualityOf([{ role: 'user', content: 'I wait.' }], answer, { profile })
      for (const value of [score, ...Object.values(parts).map((part) => part.score)]) {
        expect(value).toBeGreaterThanOrEqual(0)
        expect(value).toBeLessThanOrEqual(1)
      }
    }),
    { numRuns: 50 },
  )
})

test('a profile that is wrong names the field', async () => {
  expect(() => parseProfile({ name: 'x', fits: [{ group: 'a', words: [] }] })).toThrow(
    expect.objectContaining({ code: 'EVAL_PROFILE_INVALID', where: { field: 'fits.0.words' } }),
  )
  await expect(loadProfile('./nowhere.yaml')).rejects.toMatchObject({ code: 'EVAL_PROFILE_INVALID' })
})
