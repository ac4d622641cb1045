import fc from 'fast-check'
import { expect, test } from 'vitest'
import { scenarios } from '../../test/scenario-arbitrary.js'
import { spellings } from './model.js'
import { locateScenario, parseScenario } from './parse-scenario.js'
import { printScenario } from './print-scenario.js'

const structural = /SYSTEM|section|tag|CONVERSATION|outside/
const pairs = spellings.flatMap((from) => spellings.map((to) => [from, to] as const))

test.each(pairs)('parse → print → parse is the identity from %s to %s, whatever the texts are', (from, to) => {
  fc.assert(
    fc.property(scenarios, (scenario) => {
      const first = locateScenario(printScenario(scenario, { spelling: from }))
      expect(first.scenario).toEqual(scenario)
      expect(first.problems.filter(({ message }) => structural.test(message))).toEqual([])
      expect(locateScenario(printScenario(first.scenario, { spelling: to })).scenario).toEqual(scenario)
    }),
    { numRuns: 150, seed: 1 },
  )
})

test('line endings, a byte order mark, case and blank lines change nothing', () => {
  fc.assert(
    fc.property(scenarios, fc.constantFrom(...spellings), (scenario, spelling) => {
      const printed = printScenario(scenario, { spelling })
      const rough = `\uFEFF\n${printed
        .replace(/^(<\/?[A-Za-z]+>)$/gm, (tag) => tag.toLowerCase())
        .replace(/^#+ (SYSTEM|USER|DM|TOOLCALL|CONVERSATION)$/gim, (heading) => `${heading.toLowerCase()}\n`)
        .replaceAll('\n', '\r\n')}\r\n`
      expect(locateScenario(rough).scenario).toEqual(scenario)
    }),
    { numRuns: 200, seed: 2 },
  )
})

test('text that looks like structure is kept behind a backslash', () => {
  const scenario = parseScenario('<SYSTEM>\n# World\nx\n</SYSTEM>\n<User>hi</User>\n<DM>\n# DM\n\\</DM>\n</DM>')
  expect(scenario.turns[1]?.text).toBe('# DM\n</DM>')
  expect(printScenario(scenario, { spelling: 'headings' })).toContain('\n\\# DM\n\\</DM>\n')
})
