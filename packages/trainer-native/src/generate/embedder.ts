import type { Embedder, ModelSpec, Tokenizer } from '@qt/core'
import type { NativeSession } from '../binding.js'
import { ownCache } from './own-cache.js'
import type { Scheduler } from './scheduler.js'

interface Options {
  readonly session: NativeSession
  readonly scheduler: Scheduler
  readonly adapters: number
  readonly spec: ModelSpec
  readonly tokenizer: Tokenizer
  readonly exact: boolean
  requireRoom(length: number): void
}

/** A text as the mean of its tokens' last hidden states, after the final norm: `last_hidden_state.mean(1)` in Transformers. */
export function embedder({ session, scheduler, adapters, spec, tokenizer, exact, requireRoom }: Options): Embedder {
  const withCache = ownCache(session, scheduler)
  return {
    dimensions: spec.dModel,
    async embed(texts, { signal } = {}) {
      const ids = texts.map((text) => Int32Array.from(tokenizer.encode(text)))
      for (const { length } of ids) requireRoom(length)
      const means: Float32Array[] = []
      for (const part of ids)
        means.push(
          await withCache((cache) =>
            scheduler.alone({ cache, tokens: part.length }, () => session.meanState(cache, adapters, part, exact), signal),
          ),
        )
      return means
    },
  }
}
