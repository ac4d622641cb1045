import { usageError } from '@qt/core'
import { defineVerb } from '../args/verb.js'
import { withInterrupt } from '../interrupt.js'
import { need } from '../need.js'
import { numbers } from '../print/units.js'

export const dataSplit = defineVerb({
  name: 'data split',
  summary: 'Split records into training and what is held out.',
  details:
    'Every category in the same shares, and no record of one part nearly the same as one of another. The same seed splits the same.',
  positionals: [{ name: 'PATH', required: true, description: 'A file, a folder, a pattern or an http(s) address.' }],
  flags: {
    out: {
      type: 'text',
      value: 'DIR',
      description: 'The folder for train.jsonl, validation.jsonl and test.jsonl.',
      required: true,
    },
    validation: { type: 'number', value: 'SHARE', description: 'Default 0.2.' },
    test: { type: 'number', value: 'SHARE', description: 'Default 0: no such part.' },
    by: { type: 'text', value: 'FIELD', description: 'The field that holds the category. Default category.' },
    similarity: { type: 'number', value: 'S', description: 'Records that are this alike stay together. Default 0.8.' },
    seed: { type: 'number', value: 'N', description: 'Default 1.' },
  },
  examples: [
    'qt data split chats.jsonl --out split/',
    'qt data split data/ --out split/ --validation 0.1 --test 0.1 --by category',
  ],
  async run({ flags, positionals, io }) {
    const { splitDataset } = await need('@qt/data', () => import('@qt/data'))
    const { validation = 0.2, test = 0 } = flags
    if (!(validation >= 0 && test >= 0 && validation + test < 1))
      throw usageError('USAGE_BAD_VALUE', 'The shares must be from 0 up, and below 1 together.', {
        actions: ['Use --validation 0.2.'],
      })
    const shares = { ...(validation > 0 ? { validation } : {}), ...(test > 0 ? { test } : {}) }
    const { out, by, similarity, seed } = flags
    const result = await withInterrupt((signal) => splitDataset(positionals[0]!, { out, shares, by, similarity, seed, signal }))
    const parts = Object.keys(result.parts)
    io.out(
      numbers([
        ['', ...parts],
        ...Object.entries(result.strata).map(([name, row]) => [name || '(none)', ...parts.map((part) => String(row[part] ?? 0))]),
        ['all', ...parts.map((part) => String(result.parts[part]))],
      ]),
    )
    const { groups, records } = result.together
    if (groups > 0) io.out(`${records} records in ${groups} groups of near-duplicates were kept together.\n`)
    io.document(result)
    return 0
  },
})
