import type { Executor } from '@qt/core'
import type { CodeTask, CodeVerdict } from './task.js'

export interface CodeProgress {
  /** Samples that were answered and judged. */
  readonly done: number
  readonly total: number
  readonly passed: number
}

export interface CodeSample extends CodeVerdict {
  readonly answer: string
  /** The answer was cut at `maxTokens`. */
  readonly cut: boolean
}

export interface JudgeOptions {
  readonly executor: Executor
  readonly total: number
  readonly wallSeconds: number | undefined
  readonly signal: AbortSignal | undefined
  readonly onProgress: ((progress: CodeProgress) => void) | undefined
}

/** Judges candidates beside each other; the first that cannot be judged ends all. */
export interface Judge {
  /** Aborted by the caller, or since one could not be judged. */
  readonly signal: AbortSignal
  judge(task: CodeTask, candidate: string, said: Pick<CodeSample, 'answer' | 'cut'>): Promise<CodeSample>
  /** One that needs no judging. */
  count(sample: CodeSample): CodeSample
  /** Ends what runs, waits until it has ended, and tells the error that came first. */
  end(error: unknown): Promise<unknown>
}

export function openJudge({ executor, total, wallSeconds, signal, onProgress }: JudgeOptions): Judge {
  const stop = new AbortController()
  const stopped = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal
  const running: Promise<unknown>[] = []
  let [done, passed] = [0, 0]
  const count = (sample: CodeSample): CodeSample => {
    done++
    if (sample.passed) passed++
    onProgress?.({ done, total, passed })
    return sample
  }
  return {
    signal: stopped,
    count,
    judge(task, candidate, said) {
      stopped.throwIfAborted()
      const sample = task
        .verify(candidate, { executor, signal: stopped, wallSeconds })
        .then((verdict) => count({ ...verdict, ...said }))
      running.push(sample)
      sample.catch((error: unknown) => stop.abort(error))
      return sample
    },
    async end(error) {
      const first: unknown = stop.signal.aborted ? stop.signal.reason : error
      stop.abort(first)
      await Promise.allSettled(running)
      return first
    },
  }
}
