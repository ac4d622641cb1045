import { type Executor, type LanguageModel, usageError } from '@qt/core'
import { rememberingModel } from '../run/cached-model.js'
import { askForCode, type SamplingOptions, samplingOf } from './ask-for-code.js'
import { type CodeProgress, type CodeSample, openJudge } from './judge.js'
import { type CodeSummary, summariseCode } from './summary.js'
import type { CodeStyle, CodeTask } from './task.js'

export interface EvaluateCodeOptions extends SamplingOptions {
  /** Where the programs run: a sandbox of @qt/sandbox. */
  readonly executor: Executor
  /** Default: instruct. */
  readonly style?: CodeStyle
  readonly seed?: number
  /** Longest answer; default 1024. */
  readonly maxTokens?: number
  /** Longest run of one program; default 10. */
  readonly wallSeconds?: number
  /** A JSONL file that keeps every answer; with it an evaluation that was stopped goes on where it was. */
  readonly cache?: string
  /** What tells this model from others in the cache: a hash of its files. A cache needs it. */
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
 * import { openSandbox } from '@qt/sandbox'
 *
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
  const { executor, style = 'instruct', seed = 0, maxTokens = 1024, signal, onProgress } = options
  const { wallSeconds } = options
  if (tasks.length === 0)
    throw usageError('EVAL_NO_ITEMS', 'There is no problem to solve.', { actions: ['Name a suite that has some.'] })
  const { samples, temperature, ks } = samplingOf(options)
  const asked = await rememberingModel(model, options)
  const total = tasks.length * samples
  const { judge, count, end, signal: stopped } = openJudge({ executor, total, wallSeconds, signal, onProgress })
  const judging: Promise<CodeSample>[][] = []
  try {
    for (const [index, task] of tasks.entries()) {
      const judged: Promise<CodeSample>[] = []
      judging.push(judged)
      for (let sample = 0; sample < samples; sample++) {
        stopped.throwIfAborted()
        const settings = { maxTokens, temperature, seed: temperature === 0 ? 0 : seed + index * samples + sample }
        const written = await askForCode(asked, task, style, { ...settings, signal: stopped })
        judged.push(
          'tooLong' in written
            ? Promise.resolve(count({ passed: false, score: 0, detail: written.tooLong, answer: '', cut: false }))
            : judge(task, written.candidate, { answer: written.answer, cut: written.cut }),
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
