import { longestCachedWord, WordCache } from '../word-cache.js'
import type { Model } from './model.js'

/** A model whose answer depends on the word alone, with a bounded memory of the words it has seen. */
export function cached(model: Model): Model {
  let cache: WordCache | undefined
  return {
    ...model,
    encode(text, from, to, out) {
      if (to - from > longestCachedWord) return model.encode(text, from, to, out)
      cache ??= new WordCache()
      if (cache.copy(text, from, to, out)) return
      const first = out.length
      model.encode(text, from, to, out)
      cache.keep(text, from, to, out, first)
    },
  }
}
