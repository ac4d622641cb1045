import { readFile } from 'node:fs/promises'
import { messageOf, type ToolDefinition, usageError } from '@qt/core'
import { parse } from 'yaml'
import { z } from 'zod'
import { regressionsFolder } from '../folder.js'
import { type Metric, one } from '../metric/metric.js'
import type { Suite } from '../suite/suite.js'
import { answerTo } from './answer.js'
import { type BracketTool, printCall } from './call.js'
import { confusionOf, episodeItem, episodeSchema } from './episode.js'
import type { ToolCallItem } from './items.js'
import { normaliseName } from './normalise.js'
import { parseToolCalls } from './parse.js'
import { scoreToolCalls } from './score.js'
import { parseStructuredCalls } from './structured-parse.js'
import { type ExpectedCall, printStructured, scoreStructuredCalls } from './structured-score.js'

const share = (name: string): Metric => ({ name, aggregate: 'mean', higherIsBetter: true, share: true })
const invented: Metric = { name: 'invented', aggregate: 'mean', higherIsBetter: false }
const perTool = (tools: Iterable<string>): Metric[] =>
  [...new Set([...tools].map(normaliseName))].sort().map((tool) => share(`tool ${tool}`))

export interface ToolSuiteOptions {
  readonly tools: readonly BracketTool[]
  readonly maxTokens?: number
  /** Default `tools`. */
  readonly name?: string
}

/**
 * Turns of conversations as a suite: `right` over all, `needed` and `not_needed` apart, one metric for each tool, and how many calls were
 * invented.
 *
 * @example
 * ```ts
 * const suite = toolSuite(toolCallItems(heldOut, tools), { tools })
 * ```
 */
export function toolSuite(items: readonly ToolCallItem[], { tools, maxTokens = 160, name = 'tools' }: ToolSuiteOptions): Suite {
  const wanted = items.flatMap(({ expected }) => expected.map((call) => call.name))
  return {
    name,
    metrics: [share('right'), share('needed'), share('not_needed'), invented, ...perTool(wanted)],
    items: items.map(({ id, context, expected, reference }) => ({
      id,
      async measure(model, { signal }) {
        const answer = await answerTo(model, context, { maxTokens, ...(signal ? { signal } : {}) })
        const actual = parseToolCalls(answer.text, { tools })
        const { right, explanation, pairs, invented } = scoreToolCalls(expected, actual, tools)
        const ofTool = (tool: string) => pairs.filter((pair) => pair.expected && normaliseName(pair.expected.name) === tool)
        const own = [...new Set(expected.map((call) => normaliseName(call.name)))]
        return {
          scores: {
            right: one(right),
            [expected.length > 0 ? 'needed' : 'not_needed']: one(right),
            ...(actual.length > 0 ? { invented: [invented, actual.length] } : {}),
            ...Object.fromEntries(own.map((tool) => [`tool ${tool}`, one(ofTool(tool).every((pair) => pair.right))])),
          },
          right,
          prompt: context.map(({ role, content }) => `${role}: ${content}`).join('\n'),
          output: answer.text,
          expected: expected.length > 0 ? `${expected.map(printCall).join(' ')}\n(${reference})` : `no call\n(${reference})`,
          explanation: explanation + (answer.why === 'length' ? ' The answer was cut.' : ''),
          tokens: answer.tokens,
          confusion: confusionOf(pairs),
        }
      },
    })),
  }
}

/** A question and the calls, as data, that belong in the answer. */
export interface StructuredCase {
  readonly id: string
  readonly messages: ToolCallItem['context']
  readonly expected: readonly ExpectedCall[]
  /** Those that there are; left out: those of the suite. */
  readonly tools?: readonly ToolDefinition[]
}

/**
 * Calls as data, in whatever form the model writes them (see `parseStructuredCalls`), or gives them (`toolCalls` of a server).
 *
 * @example
 * ```ts
 * const suite = structuredToolSuite(
 *   [{ id: '1', messages: [{ role: 'user', content: 'Sneak past.' }], expected: [{ name: 'roll', arguments: { skill: 'stealth' } }] }],
 *   { tools: [{ name: 'roll', parameters: { type: 'object', properties: { skill: { type: 'string' } } } }] },
 * )
 * ```
 */
export function structuredToolSuite(
  cases: readonly StructuredCase[],
  {
    tools: all = [],
    maxTokens = 160,
    name = 'function-calls',
  }: Omit<ToolSuiteOptions, 'tools'> & { readonly tools?: readonly ToolDefinition[] } = {},
): Suite {
  const wanted = cases.flatMap(({ expected }) => expected.map((call) => call.name))
  return {
    name,
    metrics: [share('right'), share('needed'), share('not_needed'), invented, ...perTool(wanted)],
    items: cases.map(({ id, messages, expected, tools = all }) => ({
      id,
      async measure(model, { signal, seed }) {
        const answer = await model.generate(messages, { maxTokens, temperature: 0, seed, tools, ...(signal ? { signal } : {}) })
        const actual = [...(answer.toolCalls ?? []), ...parseStructuredCalls(answer.text, { tools })]
        const { right, explanation, pairs, invented } = scoreStructuredCalls(expected, actual, tools)
        const own = [...new Set(expected.map((call) => call.name))]
        const ofTool = (tool: string) => pairs.filter((pair) => pair.expected?.name === tool)
        return {
          scores: {
            right: one(right),
            [expected.length > 0 ? 'needed' : 'not_needed']: one(right),
            ...(actual.length > 0 ? { invented: [invented, actual.length] } : {}),
            ...Object.fromEntries(
              own.map((tool) => [`tool ${normaliseName(tool)}`, one(ofTool(tool).every((pair) => pair.right))]),
            ),
          },
          right,
          prompt: messages.map(({ role, content }) => `${role}: ${content}`).join('\n'),
          output: [answer.text, ...(answer.toolCalls ?? []).map(printStructured)].filter(Boolean).join('\n'),
          expected: expected.map(printStructured).join(' ') || 'no call',
          explanation,
          tokens: answer.tokens,
          confusion:
            pairs.length === 0
              ? [['none', 'none'] as const]
              : pairs.map((pair) => [pair.expected?.name ?? 'none', pair.actual?.name ?? 'none'] as const),
        }
      },
    })),
  }
}

const fileSchema = z.strictObject({ system: z.string(), episodes: z.array(episodeSchema).min(1) })

/**
 * Episodes by tool, several turns each, in which the model's own calls change the state. Without a file those that ship: a game master's.
 *
 * @example
 * ```ts
 * import { defaultTools } from '@qt/data'
 *
 * const suite = await toolRegressions({ tools: defaultTools })
 * suite.metrics.map(({ name }) => name) // ['right', 'calls', 'state', 'numbers', 'invented', 'tool health', …]
 * ```
 */
export async function toolRegressions({
  tools,
  file,
  maxTokens,
}: Omit<ToolSuiteOptions, 'name'> & { readonly file?: string }): Promise<Suite> {
  const path = file ?? `${regressionsFolder}tools.yaml`
  let value: unknown
  try {
    value = parse(await readFile(path, 'utf8'))
  } catch (cause) {
    throw invalid(path, messageOf(cause), cause)
  }
  const read = fileSchema.safeParse(value)
  if (!read.success) {
    const { path: field, message } = read.error.issues[0]!
    throw invalid(path, `${field.join('.')}: ${message}`)
  }
  const { system, episodes } = read.data
  for (const { id, turns } of episodes)
    for (const { calls } of turns)
      for (const call of parseToolCalls(calls))
        if (!tools.some(({ name }) => normaliseName(name) === call.name))
          throw invalid(path, `${id} expects ${printCall(call)}, whose tool is not declared`)
  return {
    name: 'tool-episodes',
    metrics: [
      share('right'),
      share('calls'),
      share('state'),
      share('numbers'),
      invented,
      ...perTool(episodes.map(({ tool }) => tool)),
    ],
    items: episodes.map((episode) => episodeItem(episode, { tools, system, ...(maxTokens === undefined ? {} : { maxTokens }) })),
  }
}

const invalid = (file: string, why: string, cause?: unknown) =>
  usageError('EVAL_EPISODES_INVALID', `${file} has no episodes that can be played: ${why}.`, {
    where: { file },
    actions: ['Correct it; docs/evaluation/tools.md shows one.'],
    cause,
  })
