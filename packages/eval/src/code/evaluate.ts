import { type Executor, type LanguageModel, QtError, usageError } from '@qt/core'
import { cachedModel } from '../run/cached-model.js'
import { type CodeProgress, type CodeSample, openJudge } from './judge.js'
import { type CodeSummary, summariseCode } from './summary.js'
import type { CodeStyle, CodeTask } from './task.js'

export interface EvaluateCodeOptions {
  /** Where the programs run: a sandbox of @qt/sandbox. */
  readonly executor: Executor
  /** Default: instruct. */
  readonly style?: CodeStyle
  /** Answers to each problem; default 1. */
  readonly samples?: number
  /** Default: 0 for one sample, 0.8 for several. */
  readonly temperature?: number
  readonly seed?: number
  /** The k of pass@k; default: 1, and 10 and 100 as far as there are samples. */
  readonly k?: readonly number[]
  /** Longest answer; default 1024. */
  readonly maxTokens?: number
  /** Longest run of one program; default 10. */
  readonly wallSeconds?: number
  /** A JSONL file that keeps every answer; with it an evaluation that was stopped goes on where it was. */
  readonly cache?: string
  /** What tells this model from others in the cache: a hash of its files. Default: its name. */
  readonly modelId?: string
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: CodeProgress) => void
}

export interface CodeResult {
  readonly id: string
  readonly suite: string
  readonly samples: readonly CodeSample[]
}

export interface CodeReport {
  readonly model: string
  readonly style: CodeStyle
  readonly samples: number
  readonly temperature: number
  readonly maxTokens: number
  readonly suites: readonly CodeSummary[]
  /** Problem by problem, in the order of the tasks. */
  readonly items: readonly CodeResult[]
  toJSON(): Omit<CodeReport, 'toJSON'>
}

/**
 * Lets a model solve problems and runs what it wrote. Answers are judged while the next ones are written.
 *
 * @example
 * ```ts
 * const sandbox = await openSandbox()
 * const report = await evaluateCode(model, await codeSuite('bug-fix'), { executor: sandbox, samples: 5 })
 * report.suites[0]?.passAtK // [{ k: 1, value: 0.42 }]
 * await sandbox.close()
 * ```
 */
export async function evaluateCode(
  model: LanguageModel,
  tasks: readonly CodeTask[],
  options: EvaluateCodeOptions,
): Promise<CodeReport> {
  const { executor, style = 'instruct', samples = 1, seed = 0, maxTokens = 1024, signal, onProgress } = options
  const { temperature = samples === 1 ? 0 : 0.8, modelId = model.name, wallSeconds } = options
  if (tasks.length === 0)
    throw usageError('EVAL_NO_ITEMS', 'There is no problem to solve.', { actions: ['Name a suite that has some.'] })
  if (!Number.isInteger(samples) || samples < 1)
    throw usageError('EVAL_SAMPLES', `${samples} samples are not possible.`, { actions: ['Give a whole number from 1 on.'] })
  const ks = (options.k ?? [1, 10, 100]).filter((k) => options.k !== undefined || k <= samples)
  // One that cannot be estimated is an error now, not after hours.
  summariseCode([], ks, samples)
  const asked = options.cache === undefined ? model : await cachedModel(model, { file: options.cache, modelId })
  const total = tasks.length * samples
  const { judge, count, end, signal: stopped } = openJudge({ executor, total, wallSeconds, signal, onProgress })
  const judging: Promise<CodeSample>[][] = []
  try {
    for (const [index, task] of tasks.entries()) {
      const { prompt, stop } = task.ask(style)
      const judged: Promise<CodeSample>[] = []
      judging.push(judged)
      for (let sample = 0; sample < samples; sample++) {
        stopped.throwIfAborted()
        const settings = { maxTokens, temperature, stop, seed: temperature === 0 ? 0 : seed + index * samples + sample }
        const answer = await asked.generate(prompt, { ...settings, signal: stopped }).catch(tooLong)
        judged.push(
          'tooLong' in answer
            ? Promise.resolve(count({ passed: false, score: 0, detail: answer.tooLong, answer: '', cut: false }))
            : judge(task, task.candidate(answer.text, style), { answer: answer.text, cut: answer.why === 'length' }),
        )
      }
    }
    const items: CodeResult[] = []
    for (const [index, { id, suite }] of tasks.entries()) items.push({ id, suite, samples: await Promise.all(judging[index]!) })
    const data = { model: model.name, style, samples, temperature, maxTokens, suites: summariseCode(items, ks, samples), items }
    return { ...data, toJSON: () => data }
  } catch (error) {
    throw await end(error)
  }
}

/** A problem that is longer than the model's context is one that it cannot solve; anything else stops the evaluation. */
function tooLong(error: unknown): { readonly tooLong: string } {
  if (QtError.isInstance(error) && error.code === 'PROMPT_TOO_LONG') return { tooLong: error.message }
  throw error
}
