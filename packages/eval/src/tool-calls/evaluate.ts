import { type LanguageModel, usageError } from '@qt/core'
import { rememberingModel } from '../run/cached-model.js'
import { answerTo } from './answer.js'
import type { BracketCall, BracketTool } from './call.js'
import type { ToolCallItem } from './items.js'
import { parseToolCalls } from './parse.js'
import { scoreToolCalls, type ToolCallScore } from './score.js'
import { summariseToolCalls, type ToolCallSummary } from './summary.js'

export interface EvaluateToolCallsOptions {
  /** The tools that there are; a call of any other is invented. */
  readonly tools: readonly BracketTool[]
  /** Longest answer; default 160. An answer that is cut loses the calls behind the cut. */
  readonly maxTokens?: number
  /** A JSONL file that keeps every answer; with it an evaluation that was stopped goes on where it was. */
  readonly cache?: string
  /** What tells this model from others in the cache: a hash of its files. A cache needs it. */
  readonly modelId?: string
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: ToolCallProgress) => void
}

export interface ToolCallProgress {
  readonly done: number
  readonly total: number
  readonly right: number
}

export interface ToolCallResult {
  readonly id: string
  readonly expected: readonly BracketCall[]
  readonly actual: readonly BracketCall[]
  readonly score: ToolCallScore
  /** What the model answered. */
  readonly answer: string
  /** What a person wrote. */
  readonly reference: string
  /** The answer was cut at `maxTokens`. */
  readonly cut: boolean
  /** Messages that the model was not shown, the oldest ones, because its context does not hold all. */
  readonly dropped: number
}

export interface ToolCallReport extends ToolCallSummary {
  readonly model: string
  readonly maxTokens: number
  readonly tools: readonly string[]
  /** Turn by turn, in the order of the items. */
  readonly items: readonly ToolCallResult[]
  toJSON(): Omit<ToolCallReport, 'toJSON'>
}

/**
 * Lets a model answer every item, always with the likeliest token, and scores the calls in its answers. The context is what
 * people wrote, so a mistake in one turn does not spoil the next.
 *
 * @example
 * ```ts
 * const report = await evaluateToolCalls(model, toolCallItems(heldOut, tools), { tools, cache: 'answers.jsonl', modelId: 'the SHA-256 of its file' })
 * report.accuracy.needed // { share: 0.83, low: 0.72, high: 0.90, count: 50, of: 60 }
 * ```
 */
export async function evaluateToolCalls(
  model: LanguageModel,
  items: readonly ToolCallItem[],
  options: EvaluateToolCallsOptions,
): Promise<ToolCallReport> {
  const { tools, maxTokens = 160, signal, onProgress } = options
  if (items.length === 0)
    throw usageError('EVAL_NO_ITEMS', 'There is no turn to measure.', {
      actions: ['Give conversations in which an assistant answers.'],
    })
  const asked = await rememberingModel(model, options)
  const results: ToolCallResult[] = []
  let right = 0
  for (const { id, context, expected, reference } of items) {
    signal?.throwIfAborted()
    const answer = await answerTo(asked, context, { maxTokens, ...(signal ? { signal } : {}) })
    const actual = parseToolCalls(answer.text, { tools })
    const score = scoreToolCalls(expected, actual, tools)
    if (score.right) right++
    results.push({
      id,
      expected,
      actual,
      score,
      answer: answer.text,
      reference,
      cut: answer.why === 'length',
      dropped: answer.dropped,
    })
    onProgress?.({ done: results.length, total: items.length, right })
  }
  const data = {
    model: model.name,
    maxTokens,
    tools: tools.map(({ name }) => name),
    ...summariseToolCalls(results, tools),
    items: results,
  }
  return { ...data, toJSON: () => data }
}
