import { invalid } from '../errors.js'
import type { Vocabulary } from '../vocabulary.js'
import type { Model } from './model.js'

/** A token for each word that the vocabulary has, and the unknown token for every other. */
export function wordLevel({ ids }: Vocabulary, unknown: number | undefined): Model {
  const idOf = (word: string): number => {
    const id = ids.get(word) ?? unknown
    if (id === undefined)
      throw invalid('model.unk_token', `The vocabulary lacks the word ${JSON.stringify(word)} and has no unknown token.`)
    return id
  }
  return {
    encode: (text, from, to, out) => out.push(idOf(text.slice(from, to))),
    locate: (text, from, to, emit) => emit(idOf(text.slice(from, to)), from, to),
  }
}
