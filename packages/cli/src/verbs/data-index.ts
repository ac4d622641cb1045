import { defineVerb } from '../args/verb.js'
import { withInterrupt } from '../interrupt.js'
import { numbers } from '../print/units.js'
import { plural, toolsFlag, withTools } from './data-scenarios.js'
import { tokenizerFrom } from './data-tokenizer.js'

export const dataIndex = defineVerb({
  name: 'data index',
  summary: 'Keep an index of what each scenario of a folder holds.',
  details:
    'Category, party, levels, tools, turns, tokens and mistakes of each file, as JSON. Only what changed since the last time is read again.',
  positionals: [{ name: 'DIR', required: true, description: 'A folder of scenarios.' }],
  flags: {
    ...toolsFlag,
    out: { type: 'text', value: 'FILE', description: 'Where to keep it. Default DIR/.scenarios.json.' },
    tokenizer: { type: 'text', value: 'FILE', description: 'Counts tokens: a tokenizer.json, or a model that brings its own.' },
    category: { type: 'text', value: 'NAME', description: 'List this category only.' },
  },
  examples: ['qt data index scenarios/', 'qt data index scenarios/ --tokenizer model.gguf --category combat'],
  async run({ flags, positionals, io }) {
    const { data, options } = await withTools(flags.tools)
    const tokenizer = await tokenizerFrom(flags.tokenizer, io)
    const index = await withInterrupt((signal) =>
      data.indexScenarios(positionals[0]!, {
        ...options,
        tokenizer,
        out: flags.out,
        signal,
        onFinding: (finding) => io.note(`left out: ${finding.toString()}\n`),
      }),
    )
    const listed = index.scenarios.filter(({ category }) => flags.category === undefined || category === flags.category)
    io.out(
      numbers([
        ['', 'party', 'level', 'turns', 'calls', ...(tokenizer ? ['tokens'] : []), 'errors'],
        ...listed.map(({ file, party, turns, tools, tokens, errors }) => [
          file,
          String(party.length),
          String(Math.max(0, ...party.map(({ level = 0 }) => level))),
          String(turns.user + turns.dm + turns.tool),
          String(Object.values(tools).reduce((sum, count) => sum + count, 0)),
          ...(tokenizer ? [String(tokens?.total ?? 0)] : []),
          String(errors),
        ]),
      ]),
    )
    const { added, changed, removed, kept, file } = index
    io.out(
      `${plural(index.scenarios.length, 'scenario')} in ${file}: ${added.length} added, ${changed.length} changed, ${removed.length} removed, ${kept} not read again.\n`,
    )
    io.document({ ...index, scenarios: listed })
    return 0
  },
})
