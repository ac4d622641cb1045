// What a stranger writes after `npm install @qt/core @qt/data`: compiled strictly against the published types, then run.
import { writeFileSync } from 'node:fs'
import { type ChatMessage, parseConfig, QtError, type Tokenizer, type TrainingConfig } from '@qt/core'
import { loadConfig } from '@qt/core/node'
import { prepareRows, renderChat } from '@qt/data'

const config: TrainingConfig = parseConfig({
  base: 'model.gguf',
  data: { path: 'rows.jsonl', validation: 0 },
  training: { batch_size: 2, sequenceLength: 64 },
})

const template = '{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}'
const messages: ChatMessage[] = [
  { role: 'user', content: 'I search the altar' },
  { role: 'assistant', content: 'You find a key.' },
]

/** A tokenizer of someone's own: the interface of @qt/core is all that @qt/data asks for. */
const tokenizer: Tokenizer = {
  vocabularySize: 257,
  bosId: undefined,
  eosId: 256,
  endIds: new Set([256]),
  chatTemplate: template,
  encode: (text) => Uint32Array.from(new TextEncoder().encode(text)),
  decode: (ids) => new TextDecoder().decode(Uint8Array.from([...ids].filter((id) => id < 256))),
  stream: () => ({ push: (id) => String.fromCharCode(id), end: () => '' }),
  token: (id) => String(id),
  id: () => undefined,
}

writeFileSync(
  'rows.jsonl',
  `${JSON.stringify({ text: 'The altar is cold.' })}\n${JSON.stringify({ text: 'A key lies on it.' })}\n`,
)
const rows = await prepareRows(config, tokenizer)

let refused = ''
try {
  parseConfig({ base: 'model.gguf', data: { path: 'rows.jsonl' }, adapter: { rnak: 8 } })
} catch (error) {
  if (QtError.isInstance(error)) refused = `${error.code} ${error.place}: ${error.actions[0]?.label}`
}

writeFileSync('train.yaml', 'base: model.gguf\ndata: { path: rows.jsonl }\n')
const loaded = await loadConfig('train.yaml')

console.log(
  JSON.stringify({
    batchSize: config.training.batchSize,
    learningRate: loaded.training.learningRate,
    chat: renderChat(messages, template),
    tokens: rows.tokens,
    rows: rows.train.length,
    ids: [...rows.train.row(0).ids.slice(0, 4)],
    refused,
  }),
)
