import { readFile } from 'node:fs/promises'
import { parseConfig, usageError } from '@qt/core'
import type { Perplexity } from '@qt/eval'
import { defineVerb } from '../args/verb.js'
import { withInterrupt } from '../interrupt.js'
import { loadFlags, loadModel } from '../model-flags.js'
import { need } from '../need.js'
import { status } from '../print/status.js'
import { fields } from '../print/units.js'

export const evalPerplexity = defineVerb({
  name: 'eval perplexity',
  summary: 'Measure how well a model predicts a text.',
  details:
    'With --text every token counts, over windows; with --data only what an assistant says in conversations, row by row, as training ' +
    'would see it. Perplexities compare only between models of one tokenizer, and with the same windows.',
  positionals: [{ name: 'MODEL', description: 'A GGUF file or a Hugging Face folder; the same as --model.' }],
  flags: {
    ...loadFlags,
    text: { type: 'text', value: 'FILE', description: 'A text file.' },
    data: { type: 'text', value: 'PATH', many: true, description: 'Conversations or other training data; may be repeated.' },
    window: { type: 'number', description: 'With --text: tokens that the model sees at once (default 512).' },
    stride: { type: 'number', description: 'With --text: tokens from one window to the next (default: the window).' },
    'sequence-length': { type: 'number', description: 'With --data: longest row, in tokens (default 512).' },
  },
  examples: [
    'qt eval perplexity --model model.gguf --text held-out.txt',
    'qt eval perplexity --model model.gguf --adapter runs/my-run/adapter --data held-out.jsonl --json',
  ],
  async run({ flags, positionals, io }) {
    const { text, data } = flags
    if ((text === undefined) === (data === undefined))
      throw usageError('USAGE_MISSING_FLAG', 'qt eval perplexity needs --text or --data, and not both.', {
        actions: ['Add --text FILE for a text, --data PATH for conversations.'],
      })
    const measures = await need('@qt/eval', () => import('@qt/eval'))
    const { prepareRows } = await need('@qt/data', () => import('@qt/data'))
    const result = await withInterrupt(async (signal) => {
      const model = await loadModel(flags, positionals, { signal })
      const progress = status(io)
      try {
        if (text !== undefined) {
          const ids = model.tokenizer.encode(await readFile(text, 'utf8'))
          const { window = Math.min(512, model.contextLength), stride } = flags
          return await measures.perplexity(model.scoring, ids, { window, ...(stride === undefined ? {} : { stride }), signal })
        }
        const base = flags.model ?? positionals[0]!
        const training = { sequenceLength: flags['sequence-length'] ?? Math.min(512, model.contextLength) }
        const config = parseConfig({ base, data: { path: [...data!], validation: 0 }, training })
        const rows = await prepareRows(config, model.tokenizer, { signal })
        for (const warning of rows.warnings) io.note(`warning: ${warning}\n`)
        return await measures.perplexityOfChats(model.scoring, rows.train, {
          signal,
          onProgress: ({ done, total }) => progress.update(`row ${done}/${total}`),
        })
      } finally {
        progress.end()
        await model.close()
      }
    })
    io.document(result satisfies Perplexity)
    io.out(
      fields([
        ['perplexity', result.perplexity.toFixed(3)],
        ['loss', `${result.loss.toFixed(4)} nats per token`],
        ['tokens', String(result.tokens)],
      ]),
    )
    return 0
  },
})
