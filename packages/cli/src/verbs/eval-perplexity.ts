import { readFile } from 'node:fs/promises'
import { parseConfig, usageError } from '@qt/core'
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
  positionals: [{ name: 'MODEL', description: 'A GGUF file, a Hugging Face folder, or a hub id; the same as --model.' }],
  flags: {
    ...loadFlags,
    text: { type: 'text', value: 'FILE', description: 'A text file.' },
    data: { type: 'text', value: 'PATH', many: true, description: 'Conversations or other training data.' },
    window: { type: 'number', description: 'With --text: tokens that the model sees at once (default 512).' },
    method: {
      type: 'text',
      value: 'NAME',
      description:
        'With --text: windows (default), llama (as llama.cpp), or rolling (as lm-evaluation-harness: per word, byte and bit).',
    },
    stride: { type: 'number', description: 'With --text: tokens from one window to the next (default: the window).' },
    'sequence-length': { type: 'number', description: 'With --data: longest row, in tokens (default 512).' },
  },
  examples: [
    'qt eval perplexity --model model.gguf --text held-out.txt',
    'qt eval perplexity --model model.gguf --text held-out.txt --method llama',
    'qt eval perplexity --model model.gguf --adapter runs/my-run/adapter --data held-out.jsonl --json',
  ],
  async run({ flags, positionals, io }) {
    const { text, data } = flags
    if ((text === undefined) === (data === undefined))
      throw usageError('USAGE_MISSING_FLAG', 'qt eval perplexity needs --text or --data, and not both.', {
        actions: ['Add --text FILE for a text, --data PATH for conversations.'],
      })
    const { method = 'windows' } = flags
    if (!['windows', 'llama', 'rolling'].includes(method))
      throw usageError('USAGE_BAD_VALUE', `--method must be windows, llama or rolling, not "${method}".`, {
        actions: ['Leave --method out.'],
      })
    const measures = await need('@qt/eval', () => import('@qt/eval'))
    const { prepareRows, specialFrame } = await need('@qt/data', () => import('@qt/data'))
    const content = text === undefined ? undefined : await readFile(text, 'utf8')
    const result = await withInterrupt(async (signal) => {
      const model = await loadModel(flags, positionals, { signal })
      const progress = status(io)
      try {
        if (content !== undefined) {
          if (method === 'rolling') {
            const length = flags.window === undefined ? {} : { length: flags.window }
            const found = await measures.rollingLikelihood(model, content, { signal, ...length })
            return { ...found, ...measures.rollingFigures(found) }
          }
          const ids = model.tokenizer.encode(content)
          if (method === 'llama') {
            // As llama.cpp reads a text: with the token that begins texts, for models that want one.
            const { before } = specialFrame(model.tokenizer)
            return await measures.llamaPerplexity(model.scoring, [...before, ...ids], {
              signal,
              bosId: before[0],
              ...(flags.window === undefined ? {} : { window: flags.window }),
              onProgress: ({ done, total, perplexity }) =>
                progress.update(`chunk ${done}/${total}  perplexity ${perplexity.toFixed(3)}`),
            })
          }
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
    io.document(result)
    if ('bitsPerByte' in result) {
      const { wordPerplexity, bytePerplexity, bitsPerByte, tokens } = result
      io.out(
        fields([
          ['word perplexity', wordPerplexity.toFixed(3)],
          ['byte perplexity', bytePerplexity.toFixed(4)],
          ['bits per byte', bitsPerByte.toFixed(4)],
          ['tokens', String(tokens)],
        ]),
      )
      return 0
    }
    const error = 'error' in result && typeof result.error === 'number' ? ` ± ${result.error.toFixed(3)}` : ''
    io.out(
      fields([
        ['perplexity', `${result.perplexity.toFixed(3)}${error}`],
        ['loss', `${result.loss.toFixed(4)} nats per token`],
        ['tokens', String(result.tokens)],
      ]),
    )
    return 0
  },
})
