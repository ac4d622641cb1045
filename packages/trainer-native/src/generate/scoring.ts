import { type Continuation, logSumExp, type Scoring } from '@qt/core'
import type { NativeSession } from '../binding.js'
import { ownCache } from './own-cache.js'
import type { Scheduler } from './scheduler.js'

/** Rows of logits held at once. */
const chunk = 128
/** Tokens of a context read in one pass. */
const promptChunk = 512

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
    async continuations(context, continuations, { signal } = {}) {
      const longest = continuations.reduce((most, { length }) => Math.max(most, length), 1)
      requireRoom(context.length === 0 ? 0 : context.length + longest - 1)
      return withCache(async (cache) => {
        const read = (ids: Int32Array, wanted: number) =>
          scheduler.alone(() => session.append(cache, adapters, ids, wanted, exact), signal)
        let next = new Float32Array(0)
        for (let first = 0; first < context.length; first += promptChunk) {
          const part = Int32Array.from({ length: Math.min(promptChunk, context.length - first) }, (_, i) => context[first + i]!)
          next = Float32Array.from(await read(part, first + part.length === context.length ? 1 : 0))
        }
        const scored: Continuation[] = []
        for (const continuation of continuations) {
          const ids = Int32Array.from({ length: continuation.length }, (_, i) => continuation[i]!)
          const logs = new Float32Array(ids.length)
          let greedy = true
          const judge = (logits: Float32Array, at: number) => {
            const id = ids[at]!
            logs[at] = logits[id]! - logSumExp(logits)
            greedy &&= logits.indexOf(logits.reduce((most, one) => Math.max(most, one))) === id
          }
          if (ids.length > 0) judge(next, 0)
          for (let first = 0; first + 1 < ids.length; first += chunk) {
            const part = ids.subarray(first, Math.min(ids.length - 1, first + chunk))
            const rows = await read(part, part.length)
            for (let i = 0; i < part.length; i++)
              judge(rows.subarray(i * vocabularySize, (i + 1) * vocabularySize), first + i + 1)
          }
          session.truncate(cache, context.length)
          scored.push({ logs, greedy })
        }
        return scored
      })
    },
  }
}
