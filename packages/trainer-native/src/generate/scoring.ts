import { logSumExp, type Scoring } from '@qt/core'
import type { NativeSession } from '../binding.js'
import { ownCache } from './own-cache.js'
import type { Scheduler } from './scheduler.js'

/** Rows of logits held at once. */
const chunk = 128

interface Options {
  readonly session: NativeSession
  readonly scheduler: Scheduler
  readonly adapters: number
  readonly vocabularySize: number
  readonly exact: boolean
  requireRoom(length: number): void
}

/** Log-probabilities of given text, in caches of their own; float32 throughout unless the model was loaded for less. */
export function scoring({ session, scheduler, adapters, vocabularySize, exact, requireRoom }: Options): Scoring {
  const withCache = ownCache(session, scheduler)
  return {
    vocabularySize,
    async score(ids, { signal } = {}) {
      requireRoom(ids.length - 1 || ids.length)
      const out = new Float32Array(ids.length).fill(Number.NaN)
      if (ids.length < 2) return out
      const part = Int32Array.from({ length: ids.length }, (_, i) => ids[i]!)
      return withCache(async (cache) => {
        out.set(await scheduler.alone(() => session.score(cache, adapters, part, exact), signal), 1)
        return out
      })
    },
    async distributions(ids, { signal } = {}) {
      requireRoom(ids.length - 1 || ids.length)
      const out = new Float32Array(ids.length * vocabularySize)
      return withCache(async (cache) => {
        for (let first = 0; first < ids.length; first += chunk) {
          const part = Int32Array.from({ length: Math.min(chunk, ids.length - first) }, (_, i) => ids[first + i]!)
          const logits = await scheduler.alone(() => session.append(cache, adapters, part, part.length, exact), signal)
          for (let i = 0; i < part.length; i++) {
            const from = logits.subarray(i * vocabularySize, (i + 1) * vocabularySize)
            const row = out.subarray((first + i) * vocabularySize, (first + i + 1) * vocabularySize)
            const total = logSumExp(from)
            for (let k = 0; k < row.length; k++) row[k] = from[k]! - total
          }
        }
        return out
      })
    },
  }
}
