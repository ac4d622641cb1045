import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { ChatMessage } from '@qt/core'
import { expect, test } from 'vitest'
import { byteTokenizer } from '../test/byte-tokenizer.js'
import { encodeChat } from './encode-chat.js'
import { maskChat } from './mask-chat.js'

const messages: ChatMessage[] = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: 'One?' },
  { role: 'assistant', content: 'Two.' },
  { role: 'user', content: 'Three?' },
  { role: 'assistant', content: 'Four.' },
  { role: 'user', content: 'Thanks' },
]
const learned = (tokenizer: ReturnType<typeof byteTokenizer>, labels: Int32Array) =>
  tokenizer
    .decode([...labels].map((label) => (label === -100 ? 10 : label)))
    .replace(/\n+/g, ' ')
    .trim()

test('learns every assistant turn with its end token and nothing else', () => {
  const tokenizer = byteTokenizer()
  const { ids, labels, endsTurns } = maskChat({ messages }, tokenizer)
  expect(learned(tokenizer, labels)).toBe('Two.<|im_end|> Four.<|im_end|>')
  expect(ids.length).toBe(labels.length)
  for (const [index, label] of labels.entries()) if (label !== -100) expect(label).toBe(ids[index])
  expect(endsTurns).toBe(true)
})

test('leaves out a turn whose weight is 0', () => {
  const tokenizer = byteTokenizer()
  const weighted = messages.map((message, index): ChatMessage => (index === 2 ? { ...message, weight: 0 } : message))
  expect(learned(tokenizer, maskChat({ messages: weighted }, tokenizer).labels)).toBe('Four.<|im_end|>')
})

test('learns only the parts that an answer names; its end belongs to a part that reaches it', () => {
  const tokenizer = byteTokenizer()
  const parts = (learn: [number, number][]) =>
    learned(
      tokenizer,
      maskChat({ messages: [...messages.slice(0, 2), { role: 'assistant', content: 'Two [roll].', learn }] }, tokenizer).labels,
    )
  expect(parts([[4, 10]])).toBe('[roll]')
  expect(parts([[4, 11]])).toBe('[roll].<|im_end|>')
  expect(
    parts([
      [0, 3],
      [11, 11],
    ]),
  ).toBe('Two <|im_end|>')
  expect(parts([])).toBe('')
})

test('parts of a content that the template changes are refused by the number of the message', () => {
  const template =
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content | upper + '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
  const tokenizer = byteTokenizer(undefined, { chatTemplate: template })
  const parted = () =>
    maskChat({ messages: [...messages.slice(0, 2), { role: 'assistant', content: 'Two.', learn: [[0, 2]] }] }, tokenizer)
  expect(parted).toThrow('changes the content of message 3')
})

test('adds no tokens of the tokenizer around what the template wrote', () => {
  const special = ['<|im_start|>', '<|im_end|>', '<s>', '</s>']
  const plain = maskChat({ messages }, byteTokenizer(special))
  const framing = byteTokenizer(special, { frame: ['<s>', '</s>'] })
  expect(maskChat({ messages }, framing)).toEqual(plain)
  expect(encodeChat(messages, framing)).toEqual(plain.ids)
})

test('an answer whose first character merges with the prompt is learned from the merged token on', () => {
  const plain = byteTokenizer()
  // A vocabulary in which two line breaks are one token, as in most real ones.
  const merging = {
    ...plain,
    encode: (text: string, options?: { special?: boolean }) => {
      const out: number[] = []
      for (const id of plain.encode(text, options)) {
        if (id === 10 && out.at(-1) === 10) out[out.length - 1] = 11
        else out.push(id)
      }
      return Uint32Array.from(out)
    },
  }
  const { labels } = maskChat(
    {
      messages: [
        { role: 'user', content: 'Hi' },
        { role: 'assistant', content: '\nYes' },
      ],
    },
    merging,
  )
  expect([...labels].filter((label) => label !== -100)).toEqual([11, ...Buffer.from('Yes'), 257])
})

test('an end token after the last turn only (Phi-3.5) is not taken for rewritten history', () => {
  const template =
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}" +
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% else %}{{ '<|endoftext|>' }}{% endif %}"
  const tokenizer = byteTokenizer(undefined, { chatTemplate: template })
  expect(learned(tokenizer, maskChat({ messages: messages.slice(0, 5) }, tokenizer).labels)).toBe(
    'Two.<|im_end|> Four.<|im_end|>',
  )
})

test('a template that drops thoughts from earlier turns is refused by name, and accepted for one turn', () => {
  const template =
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' }}" +
    "{% if m.role == 'assistant' and loop.last %}{{ '<think></think>' }}{% endif %}{{ m.content + '<|im_end|>\\n' }}{% endfor %}" +
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
  const tokenizer = byteTokenizer(undefined, { chatTemplate: template })
  const one = maskChat({ messages: messages.slice(0, 3) }, tokenizer)
  expect(learned(tokenizer, one.labels)).toBe('<think></think>Two.<|im_end|>')
  const two = () => maskChat({ messages: messages.slice(0, 5) }, tokenizer, { templateName: 'of Thinker-1B' })
  expect(two).toThrow('The chat template of Thinker-1B rewrites history: message 3')
})

test('says when turns do not end in an end token', () => {
  const tokenizer = byteTokenizer(undefined, { end: ['<|endoftext|>'] })
  expect(maskChat({ messages }, tokenizer).endsTurns).toBe(false)
})

const folder = fileURLToPath(new URL('../../../../shared/data/templates/', import.meta.url))
if (!existsSync(folder)) console.log('skipped: masks of real chat templates (../shared/data/templates is not there)')

const special = {
  'microsoft-Phi-3.5-mini-instruct.jinja': ['<|end|>', '<|endoftext|>', '<|user|>', '<|assistant|>', '<|system|>'],
  'google-gemma-2-2b-it.jinja': ['<end_of_turn>', '<start_of_turn>', '<bos>'],
  'meta-llama-Llama-3.1-8B-Instruct.jinja': ['<|eot_id|>', '<|start_header_id|>', '<|end_header_id|>', '<|begin_of_text|>'],
  'Qwen-Qwen2.5-7B-Instruct.jinja': ['<|im_end|>', '<|im_start|>', '<|endoftext|>'],
  'HuggingFaceTB-SmolLM3-3B.jinja': ['<|im_end|>', '<|im_start|>', '<|endoftext|>'],
} as const

test.skipIf(!existsSync(folder)).each(Object.entries(special))(
  '%s: the answers of two turns are learned, with the end token',
  (file, tokens) => {
    const chatTemplate = readFileSync(`${folder}/${file}`, 'utf8')
    const tokenizer = byteTokenizer(tokens, { chatTemplate, end: tokens.slice(0, 2), eos: tokens[1] })
    const turns = messages.slice(1, 5)
    expect(learned(tokenizer, maskChat({ messages: turns }, tokenizer).labels)).toBe(`Two.${tokens[0]} Four.${tokens[0]}`)
  },
)

test.skipIf(!existsSync(folder))('Qwen3 rewrites history: one turn is learned, two are refused', () => {
  const chatTemplate = readFileSync(`${folder}/Qwen-Qwen3-0.6B.jinja`, 'utf8')
  const tokenizer = byteTokenizer(undefined, { chatTemplate })
  const one = maskChat({ messages: messages.slice(1, 3) }, tokenizer)
  expect(learned(tokenizer, one.labels)).toBe('<think> </think> Two.<|im_end|>')
  expect(() => maskChat({ messages: messages.slice(1, 5) }, tokenizer)).toThrow('rewrites history')
})

test('says when the template leaves out the calls of the assistant', () => {
  const calling: ChatMessage[] = [
    { role: 'user', content: 'Keep this.' },
    { role: 'assistant', content: '', toolCalls: [{ id: 'a', name: 'memory_store', arguments: {} }] },
  ]
  const template = (calls: string) =>
    `{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content }}${calls}{{ '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}`
  const loses = (calls: string) =>
    maskChat({ messages: calling }, byteTokenizer(undefined, { chatTemplate: template(calls) })).losesCalls
  expect(loses('')).toBe(true)
  expect(loses('{% for c in m.tool_calls or [] %}{{ c.function.name }}{% endfor %}')).toBe(false)
  expect(maskChat({ messages: calling }, byteTokenizer()).losesCalls).toBe(false)
})
