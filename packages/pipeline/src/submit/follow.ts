import { setTimeout as pause } from 'node:timers/promises'
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

/** The log of all processes as it grows, and each state of the job that is new, until the job is over. */
export async function* followSubmission(submission: Submission, options: FollowOptions = {}): AsyncGenerator<Followed> {
  const { signal, every = 1000 } = options
  const read = submissionLog(submission)
  let seen = ''
  for (let look = 0; ; look++) {
    const state = look % 3 === 0 ? await submissionState(submission) : undefined
    if (state && `${state.state} ${state.restarts}` !== seen) {
      seen = `${state.state} ${state.restarts}`
      yield { type: 'state', state }
    }
    // Read after the state: what was written before the end is there.
    for (const line of await read()) yield { type: 'line', line }
    if (state && (isOver(state) || state.phase === 'unknown')) return
    await pause(every, undefined, signal ? { signal } : {})
  }
}
