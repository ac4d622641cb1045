import { readFile } from 'node:fs/promises'
import type { LanguageModel, Tokenizer } from '@qt/core'
import { messageOf, usageError } from '@qt/core'
import { z } from 'zod'

/** A model that says what its tokens are; the engine's do. */
export type BenchedModel = LanguageModel & { readonly tokenizer: Tokenizer; readonly contextLength: number }

const benchSchema = z.object({
  format: z.literal('qt-bench-1'),
  model: z.string(),
  /** Medians. */
  loadSeconds: z.number(),
  promptTokensPerSecond: z.number(),
  generationTokensPerSecond: z.number(),
  /** Largest memory of this process, in bytes. */
  peakMemory: z.number(),
  promptTokens: z.number(),
  generatedTokens: z.number(),
  repeats: z.number(),
})
export type BenchReport = Readonly<z.infer<typeof benchSchema>>

export interface BenchOptions {
  /** Default 256. */
  readonly promptTokens?: number
  /** Default 64. */
  readonly generatedTokens?: number
  /** Default 3; the median counts. */
  readonly repeats?: number
  readonly signal?: AbortSignal
}

/** Of an even number the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2
}

/**
 * Measures a model: load time, tokens a second of prompts (to the first piece of the answer) and of generation (from there), peak memory. Prompts
 * differ each time, so that none is remembered.
 *
 * @example
 * ```ts
 * import { load } from '@qt/trainer-native'
 *
 * const report = await benchModel(() => load('model.gguf'), { repeats: 5 })
 * report.generationTokensPerSecond // 131
 * ```
 */
export async function benchModel(load: () => Promise<BenchedModel>, options: BenchOptions = {}): Promise<BenchReport> {
  const { promptTokens = 256, generatedTokens = 64, repeats = 3, signal } = options
  for (const [name, value] of Object.entries({ promptTokens, generatedTokens, repeats }))
    if (!Number.isInteger(value) || value < (name === 'generatedTokens' ? 2 : 1))
      throw usageError('EVAL_LIMIT_INVALID', `${value} is not possible for ${name}.`, {
        actions: ['Use a whole number, 2 or more.'],
      })
  const loads: number[] = []
  const prompts: number[] = []
  const generations: number[] = []
  let measured = { model: '', prompt: 0, generated: 0 }
  for (let run = 0; run < repeats; run++) {
    signal?.throwIfAborted()
    const start = performance.now()
    const model = await load()
    loads.push(seconds(start))
    try {
      const length = Math.min(promptTokens, model.contextLength - generatedTokens - 1)
      const { prompt, answer } = await longAnswer(model, { length, generatedTokens, run, signal })
      prompts.push(prompt / answer.first)
      generations.push((answer.tokens - 1) / Math.max(1e-9, answer.rest))
      measured = { model: model.name, prompt, generated: answer.tokens }
    } finally {
      await model.close()
    }
  }
  return {
    format: 'qt-bench-1',
    model: measured.model,
    loadSeconds: median(loads),
    promptTokensPerSecond: median(prompts),
    generationTokensPerSecond: median(generations),
    // Kilobytes on every system.
    peakMemory: process.resourceUsage().maxRSS * 1024,
    promptTokens: measured.prompt,
    generatedTokens: measured.generated,
    repeats,
  }
}

interface LongAnswer {
  readonly length: number
  readonly generatedTokens: number
  readonly run: number
  readonly signal: AbortSignal | undefined
}

/** A model may end an answer early: of a few prompts the one with the longest answer. */
async function longAnswer(model: BenchedModel, { length, generatedTokens, run, signal }: LongAnswer) {
  let best: { readonly prompt: number; readonly answer: Timed } | undefined
  for (let attempt = 0; attempt < 5 && (best === undefined || best.answer.tokens < generatedTokens); attempt++) {
    const text = textOf(model, length, 10 * run + attempt)
    const answer = await timed(model, text, generatedTokens, signal)
    if (best === undefined || answer.tokens > best.answer.tokens) best = { prompt: model.tokenizer.encode(text).length, answer }
  }
  if (best === undefined || best.answer.tokens < 2)
    throw usageError(
      'EVAL_TEXT_TOO_SHORT',
      `${model.name} ends its answers at once, so the speed of generation cannot be measured.`,
      {
        actions: ['Give another prompt length.'],
      },
    )
  return best
}

const seconds = (since: number): number => (performance.now() - since) / 1000

interface Timed {
  readonly tokens: number
  /** Seconds to the first piece of the answer, and from there to its end. */
  readonly first: number
  readonly rest: number
}

async function timed(model: BenchedModel, prompt: string, maxTokens: number, signal: AbortSignal | undefined): Promise<Timed> {
  const start = performance.now()
  const answer = model
    .stream(prompt, { maxTokens, temperature: 1, seed: 1, ...(signal ? { signal } : {}) })
    [Symbol.asyncIterator]()
  let first: number | undefined
  for (let pieces = 0; ; pieces++) {
    const { done, value } = await answer.next()
    first ??= seconds(start)
    if (done) return { tokens: tokensOf(value) ?? pieces, first, rest: seconds(start) - first }
  }
}

/** Of the `Generation` that a stream may return. */
const tokensOf = (value: unknown): number | undefined =>
  typeof value === 'object' && value !== null && 'tokens' in value && typeof value.tokens === 'number' ? value.tokens : undefined

/** About as many tokens of text as wanted, never the same twice. */
function textOf({ tokenizer }: BenchedModel, tokens: number, salt: number): string {
  let text = `${salt}.`
  for (let i = 0; tokenizer.encode(text).length < tokens; i++) text += ` On day ${i * 7 + salt} the ferry left late.`
  return tokenizer.decode(tokenizer.encode(text).subarray(0, Math.max(1, tokens)))
}

export async function readBench(file: string): Promise<BenchReport> {
  const invalid = (why: string, cause?: unknown) =>
    usageError('EVAL_REPORT_INVALID', `${file} is no measurement of a model: ${why}.`, {
      where: { file },
      actions: ['Name a file that "qt bench --save" wrote.'],
      cause,
    })
  let value: unknown
  try {
    value = JSON.parse(await readFile(file, 'utf8'))
  } catch (cause) {
    throw invalid(messageOf(cause), cause)
  }
  const read = benchSchema.safeParse(value)
  if (!read.success) throw invalid(`"${read.error.issues[0]!.path.join('.')}" is wrong`)
  return read.data
}

export interface BenchComparison {
  readonly name: 'load time' | 'prompt speed' | 'generation speed' | 'peak memory'
  readonly now: number
  readonly before: number
  /** Above 1 is better, whatever the measure. */
  readonly gain: number
  readonly worse: boolean
}

/**
 * A measurement beside an earlier one on the same machine; worse by more than `tolerance` (default 0.15) counts as worse. Speed depends on lengths, so
 * prompts and answers must be about as long: a model may end its answers earlier than another, but not at half the length.
 */
export function compareBench(now: BenchReport, before: BenchReport, tolerance = 0.15): BenchComparison[] {
  if (!(tolerance >= 0 && tolerance < 1))
    throw usageError('EVAL_COMPARISON_INVALID', `A tolerance of ${tolerance} is not possible.`, {
      actions: ['Use a share from 0 up to 1, 0.15 for one.'],
    })
  for (const [name, key, most] of [
    ['prompts', 'promptTokens', 1.1],
    ['answers', 'generatedTokens', 2],
  ] as const)
    if (Math.max(now[key], before[key]) > most * Math.min(now[key], before[key]))
      throw usageError(
        'EVAL_COMPARISON_INVALID',
        `The baseline was measured with ${name} of ${before[key]} tokens, this with ${now[key]}; speeds of other lengths say nothing.`,
        { actions: ['Measure both with the same --prompt-tokens and --generated-tokens.'] },
      )
  const row = (
    name: BenchComparison['name'],
    key: keyof BenchReport & `${string}${'Second' | 'Seconds' | 'Memory'}`,
    more: boolean,
  ): BenchComparison => {
    const [a, b] = [now[key], before[key]]
    const gain = more ? a / b : b / a
    return { name, now: a, before: b, gain, worse: gain < 1 - tolerance }
  }
  return [
    row('load time', 'loadSeconds', false),
    row('prompt speed', 'promptTokensPerSecond', true),
    row('generation speed', 'generationTokensPerSecond', true),
    row('peak memory', 'peakMemory', false),
  ]
}
