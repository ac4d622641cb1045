import { defineVerb } from '../args/verb.js'
import { withInterrupt } from '../interrupt.js'
import { need } from '../need.js'
import { numbers } from '../print/units.js'
import { plural } from './data-scenarios.js'

export const dataGenerate = defineVerb({
  name: 'data generate',
  summary: 'Make training examples from templates.',
  details:
    'Templates are YAML files of texts with slots, weights, conditions and constraints. The same seed makes the same file. An example that is nearly the same as an earlier one is made again. coding-rules (six categories, 1,200 to 2,900 examples) and agent-tools (memory, calls, plans; 320 to 800) come along.',
  positionals: [
    { name: 'TEMPLATES', required: true, description: 'A YAML file, a folder of them, coding-rules or agent-tools.' },
  ],
  flags: {
    out: { type: 'text', value: 'FILE', required: true, description: 'Where to write: .jsonl, .json, .csv or .tsv, also .gz.' },
    size: { type: 'number', value: 'N', description: 'Examples in all. Default: the middle of the range of each category.' },
    count: { type: 'text', value: 'NAME=N', many: true, description: 'Examples of one category; others then get none.' },
    seed: { type: 'number', value: 'N', description: 'Default 1.' },
    similarity: { type: 'number', value: 'S', description: 'From which similarity on examples are alike. Default 0.8.' },
  },
  examples: [
    'qt data generate coding-rules --out rules.jsonl',
    'qt data generate templates/ --size 500 --seed 7 --out examples.jsonl',
    'qt data generate coding-rules --count definitions=50 --count context=50 --out some.jsonl',
  ],
  async run({ flags, positionals, io }) {
    const { generateDataset } = await need('@qt/data', () => import('@qt/data'))
    const { out, size, seed, similarity, count } = flags
    const counts = count && Object.fromEntries(count.map((one) => [one.split('=')[0] ?? '', Number(one.split('=')[1])]))
    const result = await withInterrupt((signal) =>
      generateDataset(positionals[0]!, { out, size, seed, similarity, counts, signal }),
    )
    io.out(numbers([['', 'examples'], ...Object.entries(result.categories).map(([name, made]) => [name, String(made)])]))
    io.out(
      `${plural(result.records, 'example')} of ${result.set} (version ${result.version}, seed ${result.seed}) written to ${out}.\n`,
    )
    io.document(result)
    return 0
  },
})
