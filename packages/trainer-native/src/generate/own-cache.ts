import type { NativeSession } from '../binding.js'
import type { Scheduler } from './scheduler.js'

/** Runs work with an empty cache of its own, which is dropped afterwards. */
export const ownCache =
  (session: NativeSession, scheduler: Scheduler) =>
  <T>(body: (cache: number) => Promise<T>): Promise<T> =>
    scheduler.withRoom(async () => {
      if (scheduler.closed) throw scheduler.wasClosed()
      const cache = session.addCache('float32')
      try {
        return await body(cache)
      } finally {
        if (!scheduler.closed) session.dropCache(cache)
      }
    })
