import { setTimeout as pause } from 'node:timers/promises'
import { QtError } from '@qt/core'

export interface WaitOptions {
  readonly signal?: AbortSignal | undefined
  /** Seconds at most; without an end unless given. The job goes on, and can be waited for again by its id. */
  readonly timeout?: number | undefined
  /** Seconds between the first two looks; each wait is half as long again as the last, up to 30. 1. */
  readonly interval?: number | undefined
  /** Whenever the status is another. */
  readonly onStatus?: ((status: string) => void) | undefined
}

const longest = 30

/** Looks at a job until it has ended. */
export async function waitFor<T extends { readonly status: string }>(
  id: string,
  look: () => Promise<T>,
  ended: (job: T) => boolean,
  { signal, timeout = Number.POSITIVE_INFINITY, interval = 1, onStatus }: WaitOptions,
): Promise<T> {
  const started = performance.now()
  let said: string | undefined
  for (let wait = interval; ; wait = Math.min(longest, 1.5 * wait)) {
    signal?.throwIfAborted()
    const job = await look()
    if (job.status !== said) onStatus?.(job.status)
    said = job.status
    if (ended(job)) return job
    const left = timeout - (performance.now() - started) / 1000
    if (left <= 0)
      throw new QtError({
        code: 'CLOUD_TIMEOUT',
        message: `Job ${id} is still ${job.status} after ${timeout} s.`,
        actions: ['It goes on: wait for it again by its id.', 'Or cancel it.'],
      })
    await pause(1000 * Math.min(wait, left), undefined, signal ? { signal } : {}).catch((error: unknown) => {
      signal?.throwIfAborted()
      throw error
    })
  }
}

export const jobFailed = (id: string, status: string, why: string | undefined) =>
  new QtError({
    code: status.toLowerCase().startsWith('cancel') ? 'CLOUD_JOB_CANCELLED' : 'CLOUD_JOB_FAILED',
    message: `Job ${id} ended as ${status}${why ? `: ${why}` : '.'}`,
    actions: status.toLowerCase().startsWith('cancel')
      ? ['Submit it again.']
      : ['Correct what the message names, and submit it again.'],
  })
