import { usageError } from '@qt/core'
import { writeFileAtomic } from '@qt/core/node'
import type { PreviewedExample } from '@qt/data'
import { defineVerb } from '../args/verb.js'
import { need } from '../need.js'
import { plural } from './data-scenarios.js'
import { tokenizerFrom } from './data-tokenizer.js'

export const dataPreview = defineVerb({
  name: 'data preview',
  summary: 'Show examples as the model will read them, and what is trained on.',
  details:
    'Rendered by the chat template of the tokenizer. What loss falls on is green in a terminal that has colours, else between ⟦ and ⟧; marked in HTML.',
  positionals: [{ name: 'PATH', required: true, description: 'A file, a folder, a pattern or an http(s) address.' }],
  flags: {
    tokenizer: { type: 'text', value: 'FILE', required: true, description: 'A tokenizer.json, or a model that brings its own.' },
    examples: { type: 'number', value: 'N', description: 'How many. Default 5.' },
    from: { type: 'number', value: 'N', description: 'How many to pass over first. Default 0.' },
    html: { type: 'text', value: 'FILE', description: 'Write a page instead.' },
  },
  examples: [
    'qt data preview chats.jsonl --tokenizer model.gguf',
    'qt data preview scenarios/ --tokenizer model.gguf --examples 20 --html preview.html',
  ],
  async run({ flags, positionals, io }) {
    const { previewExamples, previewHtml } = await need('@qt/data', () => import('@qt/data'))
    const { examples: limit = 5, from = 0, html } = flags
    for (const [name, value] of Object.entries({ examples: limit, from }))
      if (!(Number.isInteger(value) && value >= 0))
        throw usageError('USAGE_BAD_VALUE', `--${name} is a number of examples, not ${value}.`, { actions: [`Use --${name} 5.`] })
    const tokenizer = await tokenizerFrom(flags.tokenizer, io)
    if (tokenizer === undefined) return 2
    const shown: PreviewedExample[] = []
    const [begin, end] = io.color && process.stdout.isTTY === true ? ['\u001b[32m', '\u001b[39m'] : ['⟦', '⟧']
    for await (const example of previewExamples(positionals[0]!, tokenizer, { limit, from })) {
      shown.push(example)
      if (html !== undefined) continue
      const { where, format, spans, tokens, trained, problem } = example
      const place = [where.file, where.line ?? where.row].filter((one) => one !== undefined).join(':')
      io.out(`── ${place}  ${format}, ${plural(tokens, 'token')}, ${trained} trained on\n`)
      const text = spans.map((span) => (span.trained ? `${begin}${printable(span.text)}${end}` : printable(span.text))).join('')
      io.out(`${problem === undefined ? text : `cannot be rendered: ${problem}`}\n\n`)
    }
    if (html !== undefined) {
      await writeFileAtomic(html, previewHtml(shown))
      io.out(`wrote ${html}: ${plural(shown.length, 'example')}\n`)
    }
    io.document(shown)
    return shown.some(({ problem }) => problem !== undefined) ? 1 : 0
  },
})

/** Data may not steer the terminal. */
const printable = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '\ufffd')
