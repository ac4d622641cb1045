import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type ChatExample, QtError } from '@qt/core'
import { describe, expect, test } from 'vitest'
import { byteTokenizer } from '../test/byte-tokenizer.js'
import { chatTemplateOf } from './chat-template.js'
import { renderChat } from './render-chat.js'

const user = (content: string) => ({ role: 'user', content }) as const
const assistant = (content: string) => ({ role: 'assistant', content }) as const

test('renders with the generation prompt, tokens and tools a template asks for', () => {
  const template = [
    '{{ bos_token }}{% if tools %}{{ tools | length }} {{ tools[0].function.name }};{% endif %}',
    "{% for m in messages %}{{ m.role + ':' + m.content }}{% if m.tool_calls %}{{ m.tool_calls[0].function.name }}{% endif %}{{ eos_token }}{% endfor %}",
    "{% if add_generation_prompt %}{{ 'assistant:' }}{% endif %}",
  ].join('')
  const text = renderChat(
    [user('roll'), { role: 'assistant', content: '', toolCalls: [{ name: 'dice', arguments: { sides: 6 } }] }],
    template,
    { bosToken: '<s>', eosToken: '</s>', addGenerationPrompt: true, tools: [{ name: 'dice' }] },
  )
  expect(text).toBe('<s>1 dice;user:roll</s>assistant:dice</s>assistant:')
})

test('writes the same date on every machine', () => {
  const date = new Date('2025-03-01T23:59:00Z')
  expect(renderChat([user('')], "{{ strftime_now('%d %B %Y, %a %j %%') }}", { date })).toBe('01 March 2025, Sat 060 %')
})

test('counts like Python', () => {
  expect(
    renderChat([user('')], '{% for i in range(3) %}{{ i }}{% endfor %}{% for i in range(6, 0, -2) %}{{ i }}{% endfor %}'),
  ).toBe('012642')
})

test('a template that is broken, or refuses, is an error for people', () => {
  const code = (template: string) => {
    try {
      return renderChat([user('')], template)
    } catch (error) {
      return QtError.isInstance(error) ? `${error.code} ${error.message}` : error
    }
  }
  expect(code('{% for %}')).toMatch(/^CHAT_TEMPLATE_INVALID/)
  expect(code("{{ raise_exception('No system role here') }}")).toMatch(/^CHAT_TEMPLATE_REFUSED .*No system role here/)
})

test('a model without a template speaks ChatML, and ends turns in a token that it has', () => {
  const messages = [user('Hi'), assistant('Hello')]
  const own = byteTokenizer(undefined, { chatTemplate: 'own' })
  expect(chatTemplateOf(own)).toBe('own')
  const chatMl = renderChat(messages, chatTemplateOf(byteTokenizer()), { eosToken: '</s>' })
  expect(chatMl).toBe('<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello<|im_end|>\n')
  const llama = renderChat(messages, chatTemplateOf(byteTokenizer(['</s>'], { eos: '</s>' })), { eosToken: '</s>' })
  expect(llama).toBe('<|im_start|>user\nHi</s>\n<|im_start|>assistant\nHello</s>\n')
})

interface Fixture {
  readonly cases: readonly (ChatExample & { name: string; addGenerationPrompt?: boolean })[]
  readonly expected: Readonly<Record<string, Readonly<Record<string, string>>>>
}
const fixture: Fixture = JSON.parse(readFileSync(new URL('../test/fixtures/chat.json', import.meta.url), 'utf8'))
const folder = fileURLToPath(new URL('../../../../shared/data/templates/', import.meta.url))
if (!existsSync(folder)) console.log('skipped: real chat templates (../shared/data/templates is not there)')

describe.skipIf(!existsSync(folder)).each(Object.entries(fixture.expected))('%s', (file, expected) => {
  test.each(fixture.cases)('renders "$name" as Transformers does', ({ name, messages, tools, addGenerationPrompt = false }) => {
    const render = () => {
      try {
        const text = renderChat(messages, readFileSync(`${folder}/${file}`, 'utf8'), {
          addGenerationPrompt,
          bosToken: '<s>',
          eosToken: '</s>',
          date: new Date('2024-07-26T00:00:00Z'),
          ...(tools ? { tools } : {}),
        })
        return createHash('sha256').update(text).digest('hex')
      } catch (error) {
        return QtError.isInstance(error) ? 'refused' : error
      }
    }
    expect(render()).toBe(expected[name])
  })
})
