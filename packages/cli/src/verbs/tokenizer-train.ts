import { join } from 'node:path'
import { makeFolder, writeFileAtomic } from '@qt/core/node'
import { defineVerb } from '../args/verb.js'
import { withInterrupt } from '../interrupt.js'
import { need } from '../need.js'
import { status } from '../print/status.js'

export const tokenizerTrain = defineVerb({
  name: 'tokenizer train',
  summary: 'Train a tokenizer on your text.',
  details: 'Byte-level BPE, written as tokenizer.json and tokenizer_config.json, which Hugging Face reads too.',
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
  },
  examples: [
    'qt tokenizer train --data texts/ --vocabulary-size 4096 --out tokenizer/',
    'qt tokenizer train --data chats.jsonl --special "<|im_end|>" --special "<|im_start|>" --out tokenizer/',
  ],
  async run({ flags, io }) {
    const { readTexts } = await need('@qt/data', () => import('@qt/data'))
    const { trainBpe } = await need('@qt/tokenizer', () => import('@qt/tokenizer'))
    const specialTokens = flags.special ?? ['<|endoftext|>']
    const progress = status(io)
    const json = await withInterrupt((signal) =>
      trainBpe(readTexts(flags.data), {
        vocabularySize: flags['vocabulary-size'] ?? 8192,
        minFrequency: flags['min-frequency'] ?? 2,
        specialTokens,
        signal,
        onProgress: ({ phase, done, total }) =>
          progress.update(phase === 'count' ? `${done} texts read` : `${done}/${total ?? '?'} tokens`),
      }),
    )
    progress.end()
    const tokens = Object.keys(json.model.vocab).length
    await makeFolder(flags.out)
    const config = {
      tokenizer_class: 'PreTrainedTokenizerFast',
      eos_token: specialTokens[0],
      clean_up_tokenization_spaces: false,
    }
    await writeFileAtomic(join(flags.out, 'tokenizer_config.json'), `${JSON.stringify(config, null, 2)}\n`)
    await writeFileAtomic(join(flags.out, 'tokenizer.json'), JSON.stringify(json))
    io.out(`Wrote ${join(flags.out, 'tokenizer.json')}: ${tokens} tokens.\n`)
    io.document({ output: flags.out, vocabularySize: tokens, merges: json.model.merges.length, specialTokens })
    return 0
  },
})
