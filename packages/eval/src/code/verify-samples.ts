import { type Executor, usageError } from '@qt/core'
import type { CodeResult } from './evaluate.js'
import { type CodeProgress, openJudge } from './judge.js'
import { type CodeSummary, summariseCode } from './summary.js'
import type { CodeTask } from './task.js'
import type { WrittenCode } from './written-code.js'

export interface VerifySamplesOptions {
  /** Where the programs run: a sandbox of @qt/sandbox. */
  readonly executor: Executor
  /** The k of pass@k; default: 1, and 10 and 100 as far as every problem has as many samples. */
  readonly k?: readonly number[]
  /** Longest run of one program; default 10. */
  readonly wallSeconds?: number
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: CodeProgress) => void
}

export interface SamplesReport {
  /** Samples that passed, of all samples. */
  readonly passed: number
  readonly total: number
  readonly suites: readonly CodeSummary[]
  /** Problem by problem, in the order of the tasks. */
  readonly items: readonly CodeResult[]
  /** Problems of which there is no sample; they count nowhere. */
  readonly missing: readonly string[]
}

/**
 * Judges code that is written already, by any model in any way.
 *
 * @example
 * ```ts
 * import { openSandbox } from '@qt/sandbox'
 *
 * const sandbox = await openSandbox()
 * const { suites } = await verifySamples(await humanEval('HumanEval.jsonl.gz'), await readSamples('samples.jsonl'), { executor: sandbox })
 * suites[0]?.passAtK // [{ k: 1, value: 0.31 }, { k: 10, value: 0.62 }]
 * await sandbox.close()
 * ```
 */
export async function verifySamples(
  tasks: readonly CodeTask[],
  samples: readonly WrittenCode[],
  { executor, k, wallSeconds, signal, onProgress }: VerifySamplesOptions,
): Promise<SamplesReport> {
  const written = new Map(tasks.map((task) => [task.id.toLowerCase(), { task, codes: [] as WrittenCode[] }]))
  for (const sample of samples) {
    const entry = written.get(sample.task.toLowerCase())
    if (!entry)
      throw usageError('EVAL_DATA_INVALID', `There is no problem "${sample.task}" in what is measured.`, {
        actions: [
          `Name problems like ${tasks[0]?.id ?? 'HumanEval/0'}, and measure the suite that the samples were written for.`,
        ],
      })
    entry.codes.push(sample)
  }
  const all = [...written.values()]
  const tried = all.filter(({ codes }) => codes.length > 0)
  if (tried.length === 0)
    throw usageError('EVAL_NO_ITEMS', 'There is no sample to judge.', { actions: ['Give a file that has some.'] })
  const fewest = tried.reduce((least, { codes }) => Math.min(least, codes.length), Number.POSITIVE_INFINITY)
  const ks = k ?? [1, 10, 100].filter((one) => one <= fewest)
  // One that cannot be estimated is an error now, not after hours.
  summariseCode([], ks, fewest)
  const { judge, end } = openJudge({ executor, total: samples.length, wallSeconds, signal, onProgress })
  try {
    const items = await Promise.all(
      tried.map(async ({ task, codes }) => ({
        id: task.id,
        suite: task.suite,
        samples: await Promise.all(
          codes.map(({ code, whole }) => judge(task, whole ? code : (task.completes ?? '') + code, { answer: code, cut: false })),
        ),
      })),
    )
    const verdicts = items.flatMap((item) => item.samples)
    return {
      passed: verdicts.filter(({ passed }) => passed).length,
      total: verdicts.length,
      suites: summariseCode(items, ks, fewest),
      items,
      missing: all.filter(({ codes }) => codes.length === 0).map(({ task }) => task.id),
    }
  } catch (error) {
    throw await end(error)
  }
}
