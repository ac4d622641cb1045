import { usageError } from '@qt/core'
import { makeFolder } from '@qt/core/node'
import { defineVerb } from '../args/verb.js'
import { withInterrupt } from '../interrupt.js'
import { need } from '../need.js'
import { status } from '../print/status.js'
import { writeTokenizerFolder } from './tokenizer-folder.js'

const kinds = ['bpe', 'unigram', 'wordpiece'] as const
const cuts = ['gpt2', 'digits', 'code'] as const

export const tokenizerTrain = defineVerb({
  name: 'tokenizer train',
  summary: 'Train a tokenizer on your text.',
  details:
    'Byte-level BPE unless told otherwise, written as tokenizer.json and tokenizer_config.json, which Hugging Face reads too.',
  flags: {
    data: {
      type: 'text',
      value: 'PATH',
      required: true,
      many: true,
      description: 'Texts: files, folders or patterns, as for training.',
    },
    out: { type: 'text', value: 'DIR', required: true, description: 'The folder to write into.' },
    'vocabulary-size': { type: 'number', value: 'N', description: 'Tokens in all (default 8192).' },
    special: {
      type: 'text',
      value: 'TOKEN',
      many: true,
      description: 'A special token; the first ends a text (default <|endoftext|>).',
    },
    'min-frequency': { type: 'number', value: 'N', description: 'Merge only pairs that occur so often (default 2).' },
    model: { type: 'text', value: 'KIND', description: 'bpe (default), unigram or wordpiece.' },
    words: {
      type: 'text',
      value: 'HOW',
      description: 'Of BPE: gpt2 (default), digits (each alone) or code (blanks together, too).',
    },
  },
  examples: [
    'qt tokenizer train --data texts/ --vocabulary-size 4096 --out tokenizer/',
    'qt tokenizer train --data chats.jsonl --special "<|im_end|>" --special "<|im_start|>" --out tokenizer/',
    'qt tokenizer train --data src/ --words code --out tokenizer/',
  ],
  async run({ flags, io }) {
    const kind = oneOf('model', flags.model ?? 'bpe', kinds)
    const words = oneOf('words', flags.words ?? 'gpt2', cuts)
    const { readTexts } = await need('@qt/data', () => import('@qt/data'))
    const { trainBpe, trainUnigram, trainWordPiece } = await need('@qt/tokenizer', () => import('@qt/tokenizer'))
    const specialTokens = flags.special ?? (kind === 'wordpiece' ? ['[SEP]', '[CLS]', '[PAD]', '[MASK]'] : ['<|endoftext|>'])
    const minFrequency = flags['min-frequency'] ?? 2
    // That it can be written is known before the long work.
    await makeFolder(flags.out)
    const progress = status(io)
    const json = await withInterrupt(async (signal) => {
      const options = {
        vocabularySize: flags['vocabulary-size'] ?? 8192,
        specialTokens,
        signal,
        onProgress: ({ phase, done, total }: { phase: 'count' | 'merge'; done: number; total: number | undefined }) =>
          progress.update(phase === 'count' ? `${done} texts read` : `${done}/${total ?? '?'} tokens`),
      }
      const texts = readTexts(flags.data)
      if (kind === 'unigram') return await trainUnigram(texts, options)
      return kind === 'wordpiece'
        ? await trainWordPiece(texts, { ...options, minFrequency })
        : await trainBpe(texts, { ...options, minFrequency, words })
    })
    progress.end()
    const { model } = json
    const tokens = Array.isArray(model.vocab) ? model.vocab.length : Object.keys(model.vocab).length
    const file = await writeTokenizerFolder(flags.out, json, specialTokens[0])
    io.out(`Wrote ${file}: ${tokens} tokens.\n`)
    io.document({
      output: flags.out,
      vocabularySize: tokens,
      ...('merges' in model ? { merges: model.merges.length } : {}),
      specialTokens,
    })
    return 0
  },
})

function oneOf<T extends string>(flag: string, value: string, known: readonly T[]): T {
  const found = known.find((one) => one === value)
  if (found !== undefined) return found
  throw usageError('USAGE_BAD_VALUE', `--${flag} cannot be "${value}".`, { actions: [`Use one of ${known.join(', ')}.`] })
}
