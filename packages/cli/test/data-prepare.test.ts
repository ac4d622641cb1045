import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { qt } from './qt.js'

// Processes on a busy machine.
vi.setConfig({ testTimeout: 600_000 })

const model = fileURLToPath(new URL('../../base-model/model/base.gguf', import.meta.url))
let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-prepare-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('prepare writes shards that stats reads as the data itself, and one that was cut off is named', async () => {
  const [chats, shards] = [join(folder, 'chats.jsonl'), join(folder, 'shards')]
  const chat = (i: number) => ({
    messages: [
      { role: 'user', content: `Question ${i}? ${'Please. '.repeat(i % 9)}` },
      { role: 'assistant', content: `Answer ${i}.` },
      { role: 'user', content: 'And then?' },
      { role: 'assistant', content: `The end of ${i}.` },
    ],
  })
  await writeFile(chats, Array.from({ length: 60 }, (_, i) => JSON.stringify(chat(i))).join('\n'))
  const rows = ['--tokenizer', model, '--sequence-length', '128', '--learn', 'last-turn', '--too-long', 'last-turns']
  const made = await qt(['data', 'prepare', chats, ...rows, '--out', shards])
  expect(made.code, made.stderr).toBe(0)
  expect(made.stdout).toMatch(/training +\d+ +\d+ +\d+ +\d+\.\d % +1\n/)
  expect((await readdir(shards)).sort()).toEqual(['shards.json', 'train-00000.qtok', 'validation-00000.qtok'])
  const stats = async (data: string) => JSON.parse((await qt(['data', 'stats', '--data', data, ...rows, '--json'])).stdout)
  // Shards hold rows; what their records were is not known any more.
  const { records, ...rest } = await stats(chats)
  expect(records.records).toBe(rest.documents)
  expect(await stats(shards)).toEqual(rest)
  // Their manifest is no record.
  const bare = await qt(['data', 'stats', shards, '--json'])
  expect([bare.code, JSON.parse(bare.stdout).error.code]).toEqual([2, 'DATA_TOKENIZER_MISSING'])
  await truncate(join(shards, 'train-00000.qtok'), 500)
  const broken = await qt(['data', 'stats', '--data', shards, ...rows])
  expect(broken.code).toBe(2)
  expect(broken.stderr).toContain('it was cut off')
  expect(broken.stderr).toContain('train-00000.qtok')
})

test('synthesise asks a server for examples, and for other words of those that there are', async () => {
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', (part) => {
      text += String(part)
    })
    request.on('end', () => {
      const { messages }: { messages: { content: string }[] } = JSON.parse(text)
      const asked = messages.at(-1)!.content
      const answer = asked.includes('other words')
        ? { text: 'What is the name of the sea between two lands?' }
        : { instruction: `Do this: ${asked}`, output: 'It is done.' }
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ choices: [{ message: { content: JSON.stringify(answer) }, finish_reason: 'stop' }] }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => new Promise((resolve) => server.close(() => resolve())))
  const { port } = server.address() as AddressInfo
  const where = ['--server', `http://127.0.0.1:${port}/v1`, '--model', 'local']
  const [prompts, out, more] = [join(folder, 'prompts.jsonl'), join(folder, 'made.jsonl'), join(folder, 'more.jsonl')]
  await writeFile(prompts, '{"prompt":"Name the sea between two lands.","category":"sea"}\n')
  const made = await qt(['data', 'synthesise', prompts, ...where, '--out', out])
  expect(made.code, made.stderr).toBe(0)
  expect(JSON.parse(await readFile(out, 'utf8'))).toMatchObject({
    category: 'sea',
    provenance: { by: 'model', model: 'local', attempt: 1 },
  })
  const reworded = await qt(['data', 'synthesise', out, '--paraphrase', '1', ...where, '--out', more])
  expect(reworded.code, reworded.stderr).toBe(0)
  expect(JSON.parse(await readFile(more, 'utf8'))).toMatchObject({
    instruction: 'What is the name of the sea between two lands?',
    output: 'It is done.',
    category: 'sea',
    provenance: { of: expect.any(String) },
  })
  const bare = await qt(['data', 'synthesise', out, ...where, '--out', more])
  expect([bare.code, bare.stderr]).toEqual([2, expect.stringContaining('has no "prompt"')])
})
