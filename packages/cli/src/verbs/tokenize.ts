import { messageOf, usageError } from '@qt/core'
import { defineVerb } from '../args/verb.js'
import { need } from '../need.js'
import { localPath } from '../resolve.js'

export const tokenize = defineVerb({
  name: 'tokenize',
  summary: 'Turn text into token ids.',
  details:
    'With --json, standard input is a JSON array of strings and the answer a JSON array of id arrays; else each line is a text.',
  flags: {
    tokenizer: {
      type: 'text',
      value: 'FILE',
      required: true,
      description: 'A GGUF model, a tokenizer.json, or a folder with one.',
    },
    special: { type: 'boolean', description: 'Add the special tokens of the model and read those in the text.' },
  },
  examples: [
    `echo '["I search the altar"]' | qt tokenize --tokenizer model.gguf --json`,
    'qt tokenize --tokenizer tokenizer.json < book.txt',
  ],
  async run({ flags, io }) {
    const { Tokenizer } = await need('@qt/tokenizer', () => import('@qt/tokenizer'))
    const tokenizer = await Tokenizer.load(await localPath(flags.tokenizer, io))
    const input = await io.input()
    const texts = io.json
      ? parseTexts(input)
      : input.split(/\r?\n/).filter((line, i, lines) => i < lines.length - 1 || line !== '')
    const ids = texts.map((text) => Array.from(tokenizer.encode(text, { special: flags.special ?? false })))
    for (const list of ids) io.out(`${list.join(' ')}\n`)
    io.document(ids)
    return 0
  },
})

function parseTexts(input: string): string[] {
  let value: unknown
  try {
    value = JSON.parse(input)
  } catch (cause) {
    throw wrong(`is not JSON: ${messageOf(cause)}`, cause)
  }
  if (!Array.isArray(value)) throw wrong('is not a JSON array')
  return value.map((item: unknown, index) => {
    if (typeof item === 'string') return item
    throw wrong(`has no string at position ${index}`)
  })
}

const wrong = (what: string, cause?: unknown) =>
  usageError('INPUT_NOT_TEXTS', `Standard input ${what}.`, {
    where: { file: 'standard input' },
    actions: ['With --json, give a JSON array of strings: ["one text", "another"].'],
    cause,
  })
