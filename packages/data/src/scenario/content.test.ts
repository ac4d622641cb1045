import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect, test, vi } from 'vitest'
import { ngramOverlap } from '../ngram-overlap.js'
import { spellings } from './model.js'
import { parseScenario } from './parse-scenario.js'
import { printScenario } from './print-scenario.js'
import { scenarioFiles } from './scenario-files.js'
import { scenarioStatistics } from './statistics.js'
import { validateFolder } from './validate-folder.js'

// More than a hundred scenarios on a busy machine.
vi.setConfig({ testTimeout: 120_000 })

const example = fileURLToPath(new URL('../../../../examples/dungeon-master/', import.meta.url))
const [training, heldOut] = [`${example}scenarios`, `${example}held-out`]
const texts = async (folder: string) =>
  Promise.all((await scenarioFiles(folder)).map(async (file) => ({ file, text: await readFile(file, 'utf8') })))

test('the scenarios of the example have no findings', async () => {
  const findings = []
  for (const folder of [training, heldOut]) for await (const finding of validateFolder(folder)) findings.push(finding.toString())
  expect(findings).toEqual([])
})

test('there are enough of them, in four categories and all spellings', async () => {
  const statistics = await scenarioStatistics(training)
  expect(statistics.scenarios).toBeGreaterThanOrEqual(28)
  expect(Object.keys(statistics.categories).sort()).toEqual(['combat', 'exploration', 'mixed', 'roleplay'])
  expect(Object.keys(statistics.spellings).sort()).toEqual([...spellings].sort())
  expect((await scenarioStatistics(heldOut)).scenarios).toBeGreaterThanOrEqual(14)
})

test('the held-out ones are told in other words', async () => {
  const spoken = async (folder: string) =>
    (await texts(folder)).flatMap(({ text, file }) =>
      parseScenario(text, { file }).turns.flatMap((turn) => (turn.speaker === 'tool' ? [] : [turn.text])),
    )
  const overlap = ngramOverlap(await spoken(heldOut), await spoken(training))
  console.log(`word 4-grams of the held-out scenarios that are in training too: ${(100 * overlap).toFixed(2)} %`)
  expect(overlap).toBeLessThan(0.03)
})

test('each keeps its model through every pair of spellings', async () => {
  for (const { file, text } of [...(await texts(training)), ...(await texts(heldOut))]) {
    const scenario = parseScenario(text, { file })
    for (const first of spellings)
      for (const second of spellings) {
        const there = parseScenario(printScenario(scenario, { spelling: first }))
        expect(parseScenario(printScenario(there, { spelling: second }))).toEqual(scenario)
      }
  }
})
