import { type Continuation, logSumExp, type Scoring, usageError } from '@qt/core'
import type { NativeSession } from '../binding.js'
import { ownCache } from './own-cache.js'
import { type Scheduler, tokensRead } from './scheduler.js'

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
  /** Ids [first, last), all of which the model has: one bad id would fail all that is judged together. */
  function known(ids: ArrayLike<number>, first = 0, last = ids.length): Int32Array {
    return Int32Array.from({ length: last - first }, (_, i) => {
      const id = ids[first + i]!
      if (Number.isInteger(id) && id >= 0 && id < vocabularySize) return id
      throw usageError('TOKENIZER_UNKNOWN_ID', `The token ${id} lies outside the vocabulary of ${vocabularySize}.`, {
        actions: ["Encode the text with the model's own tokenizer."],
      })
    })
  }
  return {
    vocabularySize,
    async score(ids, { signal } = {}) {
      requireRoom(ids.length - 1 || ids.length)
      const out = new Float32Array(ids.length).fill(Number.NaN)
      if (ids.length < 2) return out
      const part = known(ids)
      return withCache(async (cache) => {
        out.set(
          await scheduler.alone({ cache, tokens: part.length }, () => session.score(cache, adapters, part, exact), signal),
          1,
        )
        return out
      })
    },
    async distributions(ids, { signal } = {}) {
      requireRoom(ids.length - 1 || ids.length)
      const out = new Float32Array(ids.length * vocabularySize)
      return withCache(async (cache) => {
        for (let first = 0; first < ids.length; first += chunk) {
          const part = known(ids, first, Math.min(ids.length, first + chunk))
          const logits = await scheduler.alone(
            { cache, tokens: part.length },
            () => session.append(cache, adapters, part, part.length, exact),
            signal,
          )
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
      const question = { adapters, context: known(context), continuations: continuations.map((ids) => known(ids)) }
      if (context.length > 0 && tokensRead(question) <= scheduler.tokensTogether) {
        const { logs, likeliest } = await scheduler.judge(question, signal)
        let to = 0
        return continuations.map(({ length }) => {
          const from = to
          to += length
          return { logs: logs.subarray(from, to), greedy: likeliest.subarray(from, to).every((is) => is === 1) }
        })
      }
      return withCache(async (cache) => {
        const read = (ids: Int32Array, wanted: number) =>
          scheduler.alone({ cache, tokens: ids.length }, () => session.append(cache, adapters, ids, wanted, exact), signal)
        let first = new Float32Array(0)
        for (let from = 0; from < context.length; from += promptChunk) {
          const part = question.context.subarray(from, from + promptChunk)
          first = Float32Array.from(await read(part, from + part.length === context.length ? 1 : 0))
        }
        const scored: Continuation[] = []
        for (const continuation of question.continuations) {
          const judge = judgeOf(continuation)
          if (continuation.length > 0) judge.next(first)
          // The last token is only foretold.
          for (let from = 0; from < continuation.length - 1; from += chunk) {
            const part = continuation.subarray(from, Math.min(continuation.length - 1, from + chunk))
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
