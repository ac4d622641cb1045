import { defineVerb } from '../args/verb.js'
import { withInterrupt } from '../interrupt.js'
import { need } from '../need.js'
import { numbers } from '../print/units.js'

export const dataDiff = defineVerb({
  name: 'data diff',
  summary: 'Say what two datasets have in common, and what not.',
  details: 'By the content of their records, whatever their order. Exits with 1 when they differ.',
  positionals: [
    { name: 'A', required: true, description: 'A file, a folder or a pattern; a folder that a pipeline wrote.' },
    { name: 'B', required: true, description: 'The other.' },
  ],
  flags: {
    id: {
      type: 'text',
      value: 'FIELD',
      description: 'The field that names a record: with it, changed ones are told apart. Default id.',
    },
    by: { type: 'text', value: 'FIELD', description: 'The field that holds the category. Default category.' },
    list: { type: 'boolean', description: 'Show each record that is in one of them only.' },
  },
  examples: ['qt data diff dataset-1/ dataset-2/', 'qt data diff old.jsonl new.jsonl --list'],
  async run({ flags, positionals, io }) {
    const { diffDatasets } = await need('@qt/data', () => import('@qt/data'))
    const [a, b] = positionals
    const signs = { added: '+', removed: '-', changed: '~' } as const
    const list = flags.list === true
    const diff = await withInterrupt((signal) =>
      diffDatasets(a!, b!, {
        id: flags.id,
        by: flags.by,
        signal,
        ...(list ? { onDifference: (kind, place) => io.out(`${signs[kind]} ${place}\n`) } : {}),
      }),
    )
    const { versions, records, same, added, removed, changed, categories } = diff
    if (versions[0] !== undefined || versions[1] !== undefined)
      io.out(`version ${versions[0] ?? 'none'} → ${versions[1] ?? 'none'}\n`)
    io.out(`${records[0]} → ${records[1]} records: ${same} the same, ${added} added, ${removed} removed, ${changed} changed.\n`)
    const rows = Object.entries(categories).map(([name, [before, after]]) => [name || '(none)', String(before), String(after)])
    if (rows.length > 0) io.out(numbers([['', 'A', 'B'], ...rows]))
    io.document(diff)
    return added + removed + changed > 0 ? 1 : 0
  },
})
