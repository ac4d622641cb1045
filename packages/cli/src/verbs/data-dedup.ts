import { defineVerb } from '../args/verb.js'
import { withInterrupt } from '../interrupt.js'
import { need } from '../need.js'
import { plural } from './data-scenarios.js'

export const dataDedup = defineVerb({
  name: 'data dedup',
  summary: 'Leave out records that are nearly the same as an earlier one.',
  details:
    'MinHash over shingles of three words proposes, the exact Jaccard similarity of the shingles decides: nothing is left out that is not as alike as told.',
  positionals: [{ name: 'PATH', required: true, description: 'A file, a folder, a pattern or an http(s) address.' }],
  flags: {
    out: {
      type: 'text',
      value: 'FILE',
      description: 'Where to write what is kept: .jsonl, .json, .csv or .tsv. Left out: only say.',
    },
    similarity: { type: 'number', value: 'S', description: 'From which similarity on, above 0 and up to 1. Default 0.8.' },
    permutations: { type: 'number', value: 'N', description: 'Of MinHash; more find more. Default 128.' },
    list: { type: 'boolean', description: 'Show each of them, and what it is like.' },
  },
  examples: ['qt data dedup chats.jsonl --list', 'qt data dedup data/ --similarity 0.7 --out unique.jsonl'],
  async run({ flags, positionals, io }) {
    const { dedupDataset } = await need('@qt/data', () => import('@qt/data'))
    const list = flags.list === true
    const result = await withInterrupt((signal) =>
      dedupDataset(positionals[0]!, {
        out: flags.out,
        similarity: flags.similarity,
        permutations: flags.permutations,
        signal,
        ...(list
          ? { onDuplicate: (place, other, similarity) => io.out(`${place}  ${(100 * similarity).toFixed(0)} % like ${other}\n`) }
          : {}),
      }),
    )
    const { records, removed, parameters } = result
    const { similarity, permutations, bands, rows } = parameters
    io.out(
      `${plural(records, 'record')}, ${removed} nearly the same as an earlier one${flags.out === undefined ? '' : `; ${result.kept} written to ${flags.out}`}.\n`,
    )
    io.out(`similarity ${similarity}, ${permutations} permutations, ${bands} bands of ${rows} rows\n`)
    io.document(result)
    return 0
  },
})
