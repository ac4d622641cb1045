import { setTimeout as pause } from 'node:timers/promises'
import { QtError } from '@qt/core'
import { isOver, type JobState } from './job-state.js'
import { submissionLog, submissionState } from './manage.js'
import type { LogLine } from './merged-log.js'
import type { Submission } from './submission.js'

export interface FollowOptions {
  readonly signal?: AbortSignal | undefined
  /** Milliseconds between looks. Default 1000; the cluster is asked only at every third. */
  readonly every?: number | undefined
}

export type Followed = { readonly type: 'line'; readonly line: LogLine } | { readonly type: 'state'; readonly state: JobState }

/** Undefined when the cluster does not answer, which may be for a moment only. */
const ifAnswered = <T>(asked: Promise<T>): Promise<T | undefined> =>
  asked.catch((error: unknown) => {
    if (QtError.isInstance(error) && error.code === 'SUBMIT_REFUSED') return undefined
    throw error
  })

/**
 * The log of all processes as it grows, and each state of the job that is new, until the job is over. A cluster that has answered
 * once may be away meanwhile.
 */
export async function* followSubmission(submission: Submission, options: FollowOptions = {}): AsyncGenerator<Followed> {
  const { signal, every = 1000 } = options
  const read = submissionLog(submission)
  let seen = ''
  for (let look = 0; ; look++) {
    const state =
      look % 3 !== 0 ? undefined : await (seen === '' ? submissionState(submission) : ifAnswered(submissionState(submission)))
    if (state && `${state.state} ${state.restarts}` !== seen) {
      seen = `${state.state} ${state.restarts}`
      yield { type: 'state', state }
    }
    // Read after the state: what was written before the end is there.
    const last = state !== undefined && (isOver(state) || state.phase === 'unknown')
    for (const line of (last ? await read() : await ifAnswered(read())) ?? []) yield { type: 'line', line }
    if (last) return
    await pause(every, undefined, signal ? { signal } : {})
  }
}
