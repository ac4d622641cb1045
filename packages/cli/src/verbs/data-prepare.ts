import { defineVerb } from '../args/verb.js'
import { withInterrupt } from '../interrupt.js'
import { need } from '../need.js'
import { numbers } from '../print/units.js'
import { rowFlags, rowsConfig, tokenizerOf } from './data-config.js'
import { plural } from './data-scenarios.js'

export const dataPrepare = defineVerb({
  name: 'data prepare',
  summary: 'Tokenise, mask and pack data once, into shards that trainings read without copying.',
  details:
    'Rows are made as by a training with the same settings, and a training on the folder is the training on the data. Tokens lie on disk meanwhile: the data may be larger than memory.',
  positionals: [{ name: 'PATH', description: 'The data: the same as --data.' }],
  flags: {
    ...rowFlags,
    out: {
      type: 'text',
      value: 'DIR',
      required: true,
      description: 'The folder for the shards: empty, or shards, which are replaced.',
    },
    'shard-tokens': { type: 'number', value: 'N', description: 'Tokens of a shard. Default 64000000, 512 MB.' },
  },
  examples: [
    'qt data prepare chats.jsonl --tokenizer model.gguf --sequence-length 1024 --out shards/',
    'qt data prepare --config train.yaml --out shards/',
    'qt train --config train.yaml --data shards/',
  ],
  async run({ flags, positionals, io }) {
    const config = await rowsConfig(flags, positionals[0])
    const { prepareShards } = await need('@qt/data', () => import('@qt/data'))
    const tokenizer = await tokenizerOf(config, io)
    const { out, 'shard-tokens': shardTokens } = flags
    const manifest = await withInterrupt((signal) => prepareShards(config, tokenizer, { out, shardTokens, signal }))
    for (const warning of manifest.warnings) io.note(`warning: ${warning}\n`)
    const { train, validation } = manifest.parts
    const parts = [['training', train] as const, ...(validation ? [['validation', validation] as const] : [])]
    const full = ({ tokens, rows }: typeof train) =>
      `${((100 * tokens) / Math.max(1, rows * manifest.sequenceLength)).toFixed(1)} %`
    io.out(
      numbers([
        ['', 'rows', 'tokens', 'trained on', 'full', 'shards'],
        ...parts.map(([name, part]) => [
          name,
          ...[part.rows, part.tokens, part.trainableTokens].map(String),
          full(part),
          String(part.shards.length),
        ]),
      ]),
    )
    io.out(`${plural(manifest.documents, 'example')} from ${plural(manifest.files, 'file')} written to ${out}.\n`)
    io.document(manifest)
    return 0
  },
})
