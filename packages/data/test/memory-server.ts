import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { z } from 'zod'

// A memory over MCP on standard input and output: what the examples of the set agent-tools call. A fact that is strict stays as it is.

const levels = ['strict', 'moderate', 'flexible'] as const
const calls = {
  memory_store: z
    .object({ content: z.string(), preservation_level: z.enum(levels), tags: z.array(z.string()).optional() })
    .strict(),
  memory_search: z.object({ query: z.string(), limit: z.number().int().positive().optional() }).strict(),
  memory_update: z.object({ id: z.string(), content: z.string() }).strict(),
  /** For those who test: begins anew. */
  memory_clear: z.object({}).strict(),
}
type Call = keyof typeof calls
const isCall = (name: string): name is Call => Object.hasOwn(calls, name)

interface Fact {
  content: string
  readonly preservation_level: (typeof levels)[number]
}
const facts = new Map<string, Fact>()
let stored = 0

const wordsOf = (text: string) => new Set(text.toLowerCase().match(/[\p{L}\p{N}]{3,}/gu) ?? [])

/** The share of the words of a question that a fact has. */
function score(query: string, content: string): number {
  const [asked, said] = [wordsOf(query), wordsOf(content)]
  return [...asked].filter((word) => said.has(word)).length / Math.max(1, asked.size)
}

const run: { readonly [Name in Call]: (given: z.infer<(typeof calls)[Name]>) => unknown } = {
  memory_store({ content, preservation_level }) {
    const id = `mem-${++stored}`
    facts.set(id, { content, preservation_level })
    return { id, stored: true }
  },
  memory_search: ({ query, limit = 5 }) =>
    [...facts]
      .map(([id, fact]) => ({ id, ...fact, score: score(query, fact.content) }))
      .filter((found) => found.score > 0)
      .sort((a, b) => b.score - a.score)
      .slice(0, limit),
  memory_update({ id, content }) {
    const fact = facts.get(id)
    if (fact === undefined) throw new Error(`there is no ${id}`)
    if (fact.preservation_level === 'strict') throw new Error(`${id} is strict`)
    fact.content = content
    return { id, updated: true }
  },
  memory_clear() {
    facts.clear()
    return {}
  },
}

const answer = <Name extends Call>(name: Name, given: unknown): unknown =>
  run[name](calls[name].parse(given) as z.infer<(typeof calls)[Name]>)

const server = new Server({ name: 'memory', version: '1.0.0' }, { capabilities: { tools: {} } })
server.setRequestHandler(ListToolsRequestSchema, () => ({
  tools: Object.entries(calls).map(([name, schema]) => ({
    name,
    inputSchema: { ...z.toJSONSchema(schema), type: 'object' as const },
  })),
}))
server.setRequestHandler(CallToolRequestSchema, ({ params: { name, arguments: given } }) => {
  if (!isCall(name)) throw new Error(`there is no tool ${name}`)
  try {
    return { content: [{ type: 'text', text: JSON.stringify(answer(name, given)) }] }
  } catch (error) {
    return { isError: true, content: [{ type: 'text', text: error instanceof Error ? error.message : String(error) }] }
  }
})
await server.connect(new StdioServerTransport())
