import { usageError } from '@qt/core'
import { defineVerb } from '../args/verb.js'
import { withInterrupt } from '../interrupt.js'
import { need } from '../need.js'
import { plural } from './data-scenarios.js'

export const dataDedup = defineVerb({
  name: 'data dedup',
  summary: 'Leave out records that are nearly the same as an earlier one.',
  details:
    'MinHash over shingles of three words proposes, the Jaccard similarity of the shingles decides, exact up to their 32-bit hashes: nothing else is left out that is not as alike as told.',
  positionals: [{ name: 'PATH', required: true, description: 'A file, a folder, a pattern or an http(s) address.' }],
  flags: {
    out: {
      type: 'text',
      value: 'FILE',
      description: 'Where to write what is kept: .jsonl, .json, .csv or .tsv. Left out: only say.',
    },
    similarity: { type: 'number', value: 'S', description: 'From which similarity on, above 0 and up to 1. Default 0.8.' },
    permutations: { type: 'number', value: 'N', description: 'Of MinHash; more find more. Default 128.' },
    semantic: {
      type: 'boolean',
      description: 'Leave out also what means the same in other words, by the vectors of a sentence model.',
    },
    'semantic-similarity': { type: 'number', value: 'S', description: 'From which cosine of the vectors on. Default 0.9.' },
    embedder: {
      type: 'text',
      value: 'MODEL',
      description:
        'The sentence model: a folder with model.onnx and tokenizer.json, an .onnx file, or owner/name of the hub. Default sentence-transformers/all-MiniLM-L6-v2.',
    },
    'vector-cache': { type: 'text', value: 'DIR', description: 'Keep the vectors for the next time.' },
    list: { type: 'boolean', description: 'Show each of them, and what it is like.' },
  },
  examples: [
    'qt data dedup chats.jsonl --list',
    'qt data dedup data/ --similarity 0.7 --out unique.jsonl',
    'qt data dedup chats.jsonl --semantic --vector-cache .cache/vectors --out unique.jsonl',
  ],
  async run({ flags, positionals, io }) {
    const { dedupDataset } = await need('@qt/data', () => import('@qt/data'))
    const list = flags.list === true
    const embedder = await openedEmbedder(flags)
    const result = await withInterrupt((signal) =>
      dedupDataset(positionals[0]!, {
        out: flags.out,
        similarity: flags.similarity,
        permutations: flags.permutations,
        semantic: embedder && { embedder, similarity: flags['semantic-similarity'] },
        signal,
        ...(list
          ? {
              onDuplicate: (place, other, similarity, by) =>
                io.out(
                  `${place}  ${by === 'meaning' ? 'means the same, ' : ''}${(100 * similarity).toFixed(0)} % like ${other}\n`,
                ),
            }
          : {}),
      }),
    ).finally(() => embedder?.close())
    const { records, removed, sameMeaning, parameters } = result
    const { similarity, permutations, bands, rows } = parameters
    io.out(
      `${plural(records, 'record')}, ${removed - (sameMeaning ?? 0)} nearly the same as an earlier one${sameMeaning === undefined ? '' : `, ${sameMeaning} that mean the same`}${flags.out === undefined ? '' : `; ${result.kept} written to ${flags.out}`}.\n`,
    )
    io.out(`similarity ${similarity}, ${permutations} permutations, ${bands} bands of ${rows} rows\n`)
    io.document(result)
    return 0
  },
})

interface SemanticFlags {
  readonly semantic?: boolean | undefined
  readonly embedder?: string | undefined
  readonly 'semantic-similarity'?: number | undefined
  readonly 'vector-cache'?: string | undefined
}

/** Only when meanings are compared; a flag for that without `--semantic` would be passed over in silence. */
async function openedEmbedder(flags: SemanticFlags) {
  if (flags.semantic === true) {
    const { openEmbedder } = await need('@qt/embed', () => import('@qt/embed'))
    return openEmbedder(flags.embedder, { cache: flags['vector-cache'] })
  }
  const alone = (['embedder', 'semantic-similarity', 'vector-cache'] as const).find((name) => flags[name] !== undefined)
  if (alone !== undefined)
    throw usageError('USAGE_MISSING_FLAG', `--${alone} needs --semantic.`, { actions: ['Add --semantic.'] })
  return undefined
}
