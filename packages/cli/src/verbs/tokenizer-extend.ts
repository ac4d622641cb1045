import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf, usageError } from '@qt/core'
import { makeFolder, writeFileAtomic } from '@qt/core/node'
import { defineVerb } from '../args/verb.js'
import { withInterrupt } from '../interrupt.js'
import { need } from '../need.js'
import { status } from '../print/status.js'

export const tokenizerExtend = defineVerb({
  name: 'tokenizer extend',
  summary: 'Add tokens to a tokenizer: learned from your text, or special ones.',
  details: 'Of BPE. What was there keeps its id; no text becomes longer. The model needs an embedding for each new token.',
  positionals: [{ name: 'FILE', required: true, description: 'A tokenizer.json.' }],
  flags: {
    out: { type: 'text', value: 'DIR', required: true, description: 'The folder to write tokenizer.json into.' },
    data: { type: 'text', value: 'PATH', many: true, description: 'Texts to learn from.' },
    learn: { type: 'number', value: 'N', description: 'Tokens to learn, at most. Default 0.' },
    special: { type: 'text', value: 'TOKEN', many: true, description: 'A special token to add.' },
    'min-frequency': { type: 'number', value: 'N', description: 'Merge only pairs that occur so often (default 2).' },
  },
  examples: [
    'qt tokenizer extend tokenizer.json --special "<|tool|>" --out larger/',
    'qt tokenizer extend tokenizer.json --data notes/ --learn 500 --out larger/',
  ],
  async run({ flags, positionals, io }) {
    const file = positionals[0]!
    const json: unknown = await readFile(file, 'utf8')
      .then((text) => JSON.parse(text))
      .catch((cause: unknown) => {
        throw usageError('TOKENIZER_INVALID', `${file} cannot be read as a tokenizer.json: ${messageOf(cause)}.`, {
          where: { file },
          actions: ['Give a tokenizer.json.'],
          cause,
        })
      })
    const { readTexts } = await need('@qt/data', () => import('@qt/data'))
    const { extendTokenizer, Tokenizer } = await need('@qt/tokenizer', () => import('@qt/tokenizer'))
    // That it can be written is known before the long work.
    await makeFolder(flags.out)
    const progress = status(io)
    const { learn, special } = flags
    const extended = await withInterrupt((signal) =>
      extendTokenizer(json, flags.data ? readTexts(flags.data) : [], {
        ...(learn === undefined ? {} : { learn }),
        ...(special ? { specialTokens: special } : {}),
        minFrequency: flags['min-frequency'] ?? 2,
        signal,
        onProgress: ({ phase, done }) => progress.update(phase === 'count' ? `${done} texts read` : `${done} tokens`),
      }),
    )
    progress.end()
    const [before, after] = [Tokenizer.fromJson(json), Tokenizer.fromJson(extended)].map(({ vocabularySize }) => vocabularySize)
    const target = join(flags.out, 'tokenizer.json')
    await writeFileAtomic(target, JSON.stringify(extended))
    io.out(`Wrote ${target}: ${before} tokens before, ${after} now.\n`)
    io.document({ output: flags.out, before, after })
    return 0
  },
})
