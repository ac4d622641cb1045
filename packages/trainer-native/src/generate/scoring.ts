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
      // The last token of each is only foretold.
      const following = continuations.map((ids) => Int32Array.from({ length: Math.max(0, ids.length - 1) }, (_, i) => ids[i]!))
      const rows = following.reduce((sum, { length }) => sum + length, 0)
      if (context.length > 0 && rows <= chunk && context.length + rows <= session.mostTogether()) {
        const ids = Int32Array.from({ length: context.length }, (_, i) => context[i]!)
        const logits = await scheduler.alone(() => session.branches(adapters, ids, following, exact), signal)
        const rowAt = (row: number) => logits.subarray(row * vocabularySize, (row + 1) * vocabularySize)
        let row = 1
        return continuations.map((continuation) => {
          const judge = judgeOf(continuation)
          if (continuation.length > 0) judge.next(rowAt(0))
          for (let i = 1; i < continuation.length; i++) judge.next(rowAt(row++))
          return judge.result()
        })
      }
      return withCache(async (cache) => {
        const read = (ids: Int32Array, wanted: number) =>
          scheduler.alone(() => session.append(cache, adapters, ids, wanted, exact), signal)
        let first = new Float32Array(0)
        for (let from = 0; from < context.length; from += promptChunk) {
          const part = Int32Array.from({ length: Math.min(promptChunk, context.length - from) }, (_, i) => context[from + i]!)
          first = Float32Array.from(await read(part, from + part.length === context.length ? 1 : 0))
        }
        const scored: Continuation[] = []
        for (const [i, ids] of following.entries()) {
          const judge = judgeOf(continuations[i]!)
          if (continuations[i]!.length > 0) judge.next(first)
          for (let from = 0; from < ids.length; from += chunk) {
            const part = ids.subarray(from, Math.min(ids.length, from + chunk))
            const logits = await read(part, part.length)
            for (let k = 0; k < part.length; k++) judge.next(logits.subarray(k * vocabularySize, (k + 1) * vocabularySize))
          }
          session.truncate(cache, context.length)
          scored.push(judge.result())
        }
        return scored
      })
    },
  }
}

/** Meets the logits that foretell each token of a continuation, one after the other. */
function judgeOf(ids: ArrayLike<number>) {
  const logs = new Float32Array(ids.length)
  let [at, greedy] = [0, true]
  return {
    next(logits: Float32Array): void {
      const id = ids[at]!
      logs[at++] = logits[id]! - logSumExp(logits)
      let likeliest = 0
      for (let i = 1; i < logits.length; i++) if (logits[i]! > logits[likeliest]!) likeliest = i
      greedy &&= likeliest === id
    },
    result: (): Continuation => ({ logs, greedy }),
  }
}
