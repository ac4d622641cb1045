import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import type { ChatExample, ToolCall } from '@qt/core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { z } from 'zod'
import { readChat } from '../read-chat.js'
import { generateDataset } from './generate-dataset.js'

const program = fileURLToPath(new URL('../../test/memory-server.ts', import.meta.url))
const client = new Client({ name: 'test', version: '1.0.0' })
let folder: string
let examples: readonly { readonly template: string; readonly example: ChatExample }[]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-memory-'))
  const out = join(folder, 'agent.jsonl')
  await generateDataset('agent-tools', { out, size: 200 })
  const provenance = z.object({ category: z.string(), provenance: z.object({ template: z.string() }) })
  examples = (await readFile(out, 'utf8'))
    .trim()
    .split('\n')
    .map((line): Record<string, unknown> => JSON.parse(line))
    .filter(({ category }) => category === 'memory')
    .map((value) => ({
      template: provenance.parse(value).provenance.template,
      example: readChat({ value, where: {} }),
    }))
  await client.connect(new StdioClientTransport({ command: process.execPath, args: ['--import', 'tsx', program] }))
}, 60_000)
afterAll(async () => {
  await client.close()
  await rm(folder, { recursive: true, force: true })
})

const result = z.object({ isError: z.boolean().optional(), content: z.array(z.object({ text: z.string() })).length(1) })
async function call({ name, arguments: given }: Pick<ToolCall, 'name' | 'arguments'>): Promise<unknown> {
  const { isError, content } = result.parse(
    await client.callTool({ name, arguments: z.record(z.string(), z.unknown()).parse(given) }),
  )
  if (isError) throw new Error(content[0]!.text)
  return JSON.parse(content[0]!.text)
}

const found = z.array(z.object({ id: z.string(), content: z.string(), preservation_level: z.string(), score: z.number() }))

it('declares the tools of the examples as a server over MCP does', async () => {
  const { tools } = await client.listTools()
  for (const { name, parameters } of examples[0]!.example.tools ?? []) {
    const served = tools.find((tool) => tool.name === name)?.inputSchema
    expect(served?.required, name).toEqual(parameters?.required)
    expect(Object.keys(served?.properties ?? {}), name).toEqual(Object.keys(z.object({}).loose().parse(parameters?.properties)))
  }
})

it('has each call of the memory examples answered by a server over MCP as the example says', async () => {
  expect(examples.length).toBeGreaterThan(40)
  const called = new Set<string>()
  for (const { template, example } of examples) {
    await call({ name: 'memory_clear', arguments: {} })
    const { messages } = example
    /** The ids of the server by those of the example. */
    const ids = new Map<string, string>()
    for (const [index, { toolCalls = [] }] of messages.entries())
      for (const { name, arguments: given } of toolCalls) {
        called.add(name)
        const said: unknown = JSON.parse(messages[index + 1]!.content)
        if (name === 'memory_search') {
          const expected = found.parse(said)
          for (const { id, content, preservation_level } of expected)
            ids.set(
              id,
              z.object({ id: z.string() }).parse(await call({ name: 'memory_store', arguments: { content, preservation_level } }))
                .id,
            )
          const got = found.parse(await call({ name, arguments: given }))
          const plain = (list: z.infer<typeof found>) =>
            list.map(({ content, preservation_level }) => ({ content, preservation_level }))
          expect(plain(got), template).toEqual(plain(expected))
          continue
        }
        const { id, ...rest } = z.object({ id: z.string() }).loose().parse(said)
        const mapped = name === 'memory_update' ? { ...z.object({}).loose().parse(given), id: ids.get(id) } : given
        expect(await call({ name, arguments: mapped }), template).toEqual({ id: ids.get(id) ?? expect.any(String), ...rest })
      }
  }
  expect([...called].sort()).toEqual(['memory_search', 'memory_store', 'memory_update'])
})

it('sees that a fact which is strict is not changed', async () => {
  const { id } = z
    .object({ id: z.string() })
    .parse(await call({ name: 'memory_store', arguments: { content: 'It is 42.', preservation_level: 'strict' } }))
  await expect(call({ name: 'memory_update', arguments: { id, content: 'It is 43.' } })).rejects.toThrow('strict')
})
