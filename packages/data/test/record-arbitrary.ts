import fc from 'fast-check'
import type { Layout } from '../src/layouts.js'

type Value = Record<string, unknown>

const text = fc.string({ unit: 'grapheme', maxLength: 60 }).filter((one) => one.trim() !== '' && !/^\s*[[{]/.test(one))
const code = fc.constantFrom('def f():\n    return 1\n', 'int main() { return 0; }\n', 'const a = "b, c"\n')
const openai = (role: string, content: string): Value => ({ role, content })
const sharegpt = (from: string, value: string): Value => ({ from, value })

/** Turns of a user and an assistant, in one of the two spellings. */
const turns = (write: typeof openai, names: readonly [string, string, string]) =>
  fc
    .tuple(fc.option(text), fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 3 }))
    .map(([system, pairs]) => [
      ...(system === null ? [] : [write(names[0], system)]),
      ...pairs.flatMap(([ask, answer]) => [write(names[1], ask), write(names[2], answer)]),
    ])

/** Records of every layout that a file of records can have. */
export const recordsOf: Readonly<Record<Exclude<Layout, 'scenario'>, fc.Arbitrary<Value>>> = {
  tokens: fc.record({ input_ids: fc.array(fc.nat(999), { minLength: 1, maxLength: 8 }) }),
  preference: fc.record({ prompt: text, chosen: text, rejected: text }),
  openai: fc.record({ messages: turns(openai, ['system', 'user', 'assistant']), id: fc.uuid() }, { requiredKeys: ['messages'] }),
  sharegpt: fc.record({ conversations: turns(sharegpt, ['system', 'human', 'gpt']) }),
  alpaca: fc.record({ instruction: text, input: fc.oneof(fc.constant(''), text), output: text }),
  'structured-instruction': fc.record({
    instruction: text,
    input: text,
    output: fc.record({
      content: text,
      context_window: fc.record({ system_prompt: text, active_rules: fc.array(text, { maxLength: 3 }) }),
      metadata: fc.record({
        preservation_level: fc.constantFrom('strict', 'moderate', 'flexible'),
        confidence: fc.constant(0.9),
      }),
    }),
  }),
  'prompt-completion': fc.record({ prompt: text, completion: text }),
  'question-answer': fc.record({ question: text, answer: text }),
  'the-stack': fc.record({
    content: code,
    lang: fc.constantFrom('Python', 'C'),
    max_stars_repo_path: fc.constant('src/a.py'),
    max_stars_repo_name: fc.constant('a/b'),
    max_stars_repo_licenses: fc.constant(['MIT']),
  }),
  codesearchnet: fc.record({
    repo: fc.constant('a/b'),
    path: fc.constant('src/a.py'),
    func_name: fc.constant('f'),
    code,
    docstring: text,
    language: fc.constant('python'),
  }),
  text: fc.record({ text }),
}
