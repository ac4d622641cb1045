import { usageError } from '@qt/core'
import { defineVerb } from '../args/verb.js'
import { withInterrupt } from '../interrupt.js'
import { need } from '../need.js'
import { numbers } from '../print/units.js'

const targets = ['smallest', 'median', 'largest'] as const

export const dataBalance = defineVerb({
  name: 'data balance',
  summary: 'Give every category as many records.',
  details: 'Drawn by the seed where a category has more; repeated where it has fewer.',
  positionals: [{ name: 'PATH', required: true, description: 'A file, a folder, a pattern or an http(s) address.' }],
  flags: {
    out: { type: 'text', value: 'FILE', required: true, description: 'Where to write: .jsonl, .json, .csv or .tsv, also .gz.' },
    by: { type: 'text', value: 'FIELD', description: 'The field that holds the category. Default category.' },
    to: {
      type: 'text',
      value: 'HOW',
      description: 'As many as the smallest (default), the median or the largest has, or a number.',
    },
    seed: { type: 'number', value: 'N', description: 'Default 1.' },
  },
  examples: [
    'qt data balance rules.jsonl --out balanced.jsonl',
    'qt data balance data/ --by metadata.kind --to 500 --out even.jsonl',
  ],
  async run({ flags, positionals, io }) {
    const { balanceDataset } = await need('@qt/data', () => import('@qt/data'))
    const { out, by, seed, to = 'smallest' } = flags
    const target = targets.find((one) => one === to) ?? Number(to)
    if (Number.isNaN(target))
      throw usageError('USAGE_BAD_VALUE', `--to cannot be "${to}".`, { actions: [`Use ${targets.join(', ')} or a number.`] })
    const result = await withInterrupt((signal) => balanceDataset(positionals[0]!, { out, by, seed, to: target, signal }))
    io.out(
      numbers([
        ['', 'before', 'after'],
        ...Object.entries(result.categories).map(([name, { before, after }]) => [
          name || '(none)',
          String(before),
          String(after),
        ]),
      ]),
    )
    io.out(`${result.records} records written to ${out}, ${result.repeated} of them more than once.\n`)
    io.document(result)
    return 0
  },
})
