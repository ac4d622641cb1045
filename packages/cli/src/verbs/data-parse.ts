import { usageError } from '@qt/core'
import { defineVerb } from '../args/verb.js'
import { parseRecords } from './data-parse-records.js'
import { plural, readText, toolsFlag, withTools } from './data-scenarios.js'

export const dataParse = defineVerb({
  name: 'data parse',
  summary: 'Read a scenario, or bring records to one form.',
  details:
    'Conversations, instructions, preference pairs and texts of any layout become lines of JSON in one form. Of a scenario: with --json the whole model; else the scenario in the spelling asked for, by default its first: tags.',
  positionals: [{ name: 'FILE', required: true, description: 'A scenario (.md), or a file, folder or pattern of records.' }],
  flags: {
    ...toolsFlag,
    spelling: { type: 'text', value: 'NAME', description: 'Print it as: tags (default), headings or conversation.' },
  },
  examples: [
    'qt data parse scenario.md --json',
    'qt data parse scenario.md --spelling headings',
    'qt data parse sharegpt.json > chats.jsonl',
  ],
  async run({ flags, positionals, io }) {
    if (!/\.(md|markdown)$/i.test(positionals[0]!)) return parseRecords(positionals[0]!, io)
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
