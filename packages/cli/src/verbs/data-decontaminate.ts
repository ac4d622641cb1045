import { usageError } from '@qt/core'
import { defineVerb } from '../args/verb.js'
import { withInterrupt } from '../interrupt.js'
import { need } from '../need.js'
import { plural } from './data-scenarios.js'

export const dataDecontaminate = defineVerb({
  name: 'data decontaminate',
  summary: 'Leave out records that share words with benchmarks.',
  details:
    'What a model has seen in training measures memory. A record goes when it has 13 words in a row in common with an item (Brown et al. 2020). The name of a benchmark says which fields of its file count: humaneval, mbpp, gsm8k, mmlu, arc, hellaswag and others; of any other name all that is said in an item.',
  positionals: [{ name: 'PATH', required: true, description: 'A file, a folder, a pattern or an http(s) address.' }],
  flags: {
    benchmark: { type: 'text', value: 'NAME=FILE', many: true, required: true, description: 'A benchmark and its file.' },
    out: { type: 'text', value: 'FILE', description: 'Where to write what is kept. Left out: only say.' },
    words: { type: 'number', value: 'N', description: 'Words in a row. Default 13.' },
    list: { type: 'boolean', description: 'Show each record that goes.' },
  },
  examples: [
    'qt data decontaminate code/ --benchmark humaneval=HumanEval.jsonl.gz --list',
    'qt data decontaminate chats.jsonl --benchmark gsm8k=test.jsonl --benchmark mmlu=mmlu.parquet --out clean.jsonl',
  ],
  async run({ flags, positionals, io }) {
    const { decontaminateDataset } = await need('@qt/data', () => import('@qt/data'))
    const benchmarks: Record<string, string> = {}
    for (const one of flags.benchmark) {
      const [, name, file] = /^([^=]+)=(.+)$/s.exec(one) ?? []
      if (name === undefined || file === undefined)
        throw usageError('USAGE_BAD_VALUE', `--benchmark cannot be "${one}".`, { actions: ['Write --benchmark humaneval=FILE.'] })
      benchmarks[name] = file
    }
    const result = await withInterrupt((signal) =>
      decontaminateDataset(positionals[0]!, {
        benchmarks,
        n: flags.words,
        out: flags.out,
        signal,
        ...(flags.list === true
          ? {
              onContaminated: (place, found) =>
                io.out(`${place}  ${found.map(({ benchmark, shared }) => `${benchmark} (${shared})`).join(', ')}\n`),
            }
          : {}),
      }),
    )
    for (const [name, { items, contaminated }] of Object.entries(result.benchmarks))
      io.out(`${name}: ${plural(items, 'item')}, ${plural(contaminated, 'record')} in common.\n`)
    const written = flags.out === undefined ? '' : `; ${result.kept} written to ${flags.out}`
    io.out(`${plural(result.records, 'record')}, ${result.removed} contaminated${written}.\n`)
    io.document(result)
    return 0
  },
})
