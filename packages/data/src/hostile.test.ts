import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { dataFormats, dataSchema, QtError, trainingSchema } from '@qt/core'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { byteTokenizer } from '../test/byte-tokenizer.js'
import { prepareRows } from './prepare-rows.js'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-hostile-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const tokenizer = byteTokenizer()
const message = fc.oneof(
  fc.jsonValue(),
  fc.record(
    {
      role: fc.constantFrom('system', 'user', 'assistant', 'tool', 'bard', null),
      content: fc.oneof(fc.string(), fc.jsonValue()),
      from: fc.constantFrom('human', 'gpt', 'function_call'),
      value: fc.string(),
      tool_calls: fc.jsonValue(),
    },
    { requiredKeys: [] },
  ),
)
const record = fc.oneof(
  fc.jsonValue(),
  fc.record({ messages: fc.oneof(fc.array(message), fc.jsonValue()), tools: fc.jsonValue() }, { requiredKeys: ['messages'] }),
  fc.record({ conversations: fc.array(message), system: fc.jsonValue() }, { requiredKeys: ['conversations'] }),
  fc.record({ instruction: fc.jsonValue(), input: fc.jsonValue(), output: fc.jsonValue() }),
  fc.record({ text: fc.oneof(fc.string({ unit: 'grapheme' }), fc.jsonValue()) }),
  fc.record({ input_ids: fc.oneof(fc.array(fc.integer({ min: -2, max: 300 })), fc.jsonValue()), labels: fc.jsonValue() }),
)

test('whatever a line holds, the answer is rows, or an error that names the file', async () => {
  const path = join(folder, 'rows.jsonl')
  const property = fc.asyncProperty(
    fc.oneof(
      fc.array(record, { maxLength: 4 }).map((list) => list.map((one) => JSON.stringify(one)).join('\n')),
      fc.string(),
    ),
    fc.constantFrom(...dataFormats),
    async (content, format) => {
      await writeFile(path, content)
      const config = { data: dataSchema.parse({ path, format }), training: trainingSchema.parse({ sequenceLength: 16 }) }
      const outcome = await prepareRows(config, tokenizer).catch((error: unknown) => error)
      if (QtError.isInstance(outcome)) {
        expect(outcome.kind).toBe('usage')
        expect(outcome.place).not.toBe('')
        expect(outcome.actions.length).toBeGreaterThan(0)
      } else if (outcome instanceof Error) throw outcome
      else expect(outcome).toMatchObject({ trainableTokens: expect.any(Number), hash: expect.stringMatching(/^[0-9a-f]{64}$/) })
    },
  )
  await fc.assert(property, { numRuns: 1500, seed: 1 })
}, 60_000)
