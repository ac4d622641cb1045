import { usageError } from '@qt/core'
import { defineVerb } from '../args/verb.js'
import { plural, readText, toolsFlag, withTools } from './data-scenarios.js'

export const dataParse = defineVerb({
  name: 'data parse',
  summary: 'Read a scenario.',
  details: 'With --json the whole model; else the scenario in the spelling asked for, by default its first: tags.',
  positionals: [{ name: 'FILE', required: true, description: 'A scenario (.md).' }],
  flags: {
    ...toolsFlag,
    spelling: { type: 'text', value: 'NAME', description: 'Print it as: tags (default), headings or conversation.' },
  },
  examples: ['qt data parse scenario.md --json', 'qt data parse scenario.md --spelling headings'],
  async run({ flags, positionals, io }) {
    const { data, options } = await withTools(flags.tools)
    const file = positionals[0]!
    const spelling = data.spellings.find((name) => name === (flags.spelling ?? 'tags'))
    if (spelling === undefined)
      throw usageError('USAGE_BAD_VALUE', `--spelling cannot be "${flags.spelling}".`, {
        actions: [`Use one of: ${data.spellings.join(', ')}.`],
      })
    const scenario = data.parseScenario(await readText(file), {
      ...options,
      file,
      onWarning: (finding) => io.note(`warning: ${finding.toString()}\n`),
    })
    io.out(data.printScenario(scenario, { spelling }))
    io.note(`${plural(scenario.party.length, 'character')}, ${plural(scenario.turns.length, 'turn')}\n`)
    io.document(scenario)
    return 0
  },
})
