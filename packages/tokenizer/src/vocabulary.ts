import { invalid } from './errors.js'

/** Tokens by id; ids may have gaps. */
export interface Vocabulary {
  readonly tokens: readonly (string | undefined)[]
  readonly ids: ReadonlyMap<string, number>
}

/** More tokens than any real vocabulary has. */
export const maxVocabulary = 1 << 24

/** Ids may have gaps, but a forged one must not ask for gigabytes. */
const idLimit = (tokens: number) => Math.min(maxVocabulary, Math.max(1 << 20, tokens * 4))

/** A vocabulary from its tokens in order of id. */
export function vocabularyOf(tokens: readonly string[], field: string): Vocabulary {
  const ids = new Map<string, number>()
  for (const [id, token] of tokens.entries()) {
    const first = ids.get(token)
    if (first !== undefined) throw invalid(field, `The token ${JSON.stringify(token)} occurs twice, as ids ${first} and ${id}.`)
    ids.set(token, id)
  }
  return { tokens, ids }
}

/** A vocabulary from token → id entries, as in tokenizer.json. */
export function vocabularyFrom(entries: readonly (readonly [string, unknown])[], field: string): Vocabulary {
  const ids = new Map<string, number>()
  const tokens: (string | undefined)[] = []
  const limit = idLimit(entries.length)
  for (const [token, id] of entries) {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= limit) {
      throw invalid(
        field,
        `The token ${JSON.stringify(token)} has the id ${String(id)}; here ids are whole numbers below ${limit}.`,
      )
    }
    while (tokens.length <= id) tokens.push(undefined)
    const other = tokens[id]
    if (other !== undefined && other !== token) {
      throw invalid(field, `The id ${id} belongs to both ${JSON.stringify(other)} and ${JSON.stringify(token)}.`)
    }
    tokens[id] = token
    ids.set(token, id)
  }
  return { tokens, ids }
}
