import { invalid } from './errors.js'
import { flagAt, listAt, numberAt, objectAt, textAt } from './fields.js'

/** A token found in the text before anything else happens to it. */
export interface AddedToken {
  readonly id: number
  readonly content: string
  /** Special tokens are found only when asked for, and can be left out of decoded text. */
  readonly special: boolean
  /** Takes the white space on that side with it. */
  readonly lstrip: boolean
  readonly rstrip: boolean
  /** Only where no word character touches it. */
  readonly singleWord: boolean
  /** Looked for after normalisation instead of before. */
  readonly normalized: boolean
}

/** The `added_tokens` of a tokenizer.json. */
export function parseAddedTokens(value: unknown): AddedToken[] {
  if (value === undefined || value === null) return []
  return listAt(value, 'added_tokens').map((entry, i) => {
    const at = `added_tokens[${i}]`
    const fields = objectAt(entry, at)
    const content = textAt(fields.content, `${at}.content`)
    if (content === '') throw invalid(`${at}.content`, `Added token ${i} is empty.`)
    const special = flagAt(fields.special, `${at}.special`, false)
    return {
      id: numberAt(fields.id, `${at}.id`),
      content,
      special,
      lstrip: flagAt(fields.lstrip, `${at}.lstrip`, false),
      rstrip: flagAt(fields.rstrip, `${at}.rstrip`, false),
      singleWord: flagAt(fields.single_word, `${at}.single_word`, false),
      normalized: flagAt(fields.normalized, `${at}.normalized`, !special),
    }
  })
}

/** Calls `text` for the stretches between added tokens and `token` for each of them, in order. */
export type FindTokens = (
  source: string,
  on: { text: (from: number, to: number) => void; token: (id: number, from: number, to: number) => void },
) => void

const endsInWord = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]$/u
const startsWithWord = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u
const isSpace = (unit: number) => /\p{White_Space}/u.test(String.fromCharCode(unit))

/** So many different first characters are looked for by the run-time's own search, which beats a loop where they are rare in texts. */
const fewFirsts = 4
const frequent = /[\p{L}\p{White_Space}]/u

/** Gives for a text the first place from `i` on where one of these may begin, its length if there is none. */
function startFinder(contents: readonly string[]): (source: string) => (i: number) => number {
  const firsts = [...new Set(contents.map((content) => content.charAt(0)))]
  const single = new Set(contents.filter((content) => content.length === 1).map((content) => content.charCodeAt(0)))
  const twoUnits = (source: string, i: number) => source.charCodeAt(i) * 0x10000 + source.charCodeAt(i + 1)
  const begins = new Set(contents.filter((content) => content.length > 1).map((content) => twoUnits(content, 0)))
  const mayBegin = (source: string, i: number) => begins.has(twoUnits(source, i)) || single.has(source.charCodeAt(i))
  if (firsts.length > fewFirsts || firsts.some((first) => frequent.test(first))) {
    const starts = new Uint8Array(0x10000)
    for (const first of firsts) starts[first.charCodeAt(0)] = 1
    return (source) => (from) => {
      let i = from
      while (i < source.length && !(starts[source.charCodeAt(i)] === 1 && mayBegin(source, i))) i++
      return i
    }
  }
  return (source) => {
    const places = firsts.map(() => -1)
    return (from) => {
      for (let i = from; ; i++) {
        let least = source.length
        for (const [n, first] of firsts.entries()) {
          if (places[n]! < i) {
            const place = source.indexOf(first, i)
            places[n] = place < 0 ? source.length : place
          }
          if (places[n]! < least) least = places[n]!
        }
        i = least
        if (i >= source.length || mayBegin(source, i)) return i
      }
    }
  }
}

/** The leftmost token first, of those at one place the longest. */
export function findTokens(
  added: readonly AddedToken[],
  contentOf: (token: AddedToken) => string = (token) => token.content,
): FindTokens {
  const byContent = new Map<string, AddedToken>()
  const lengths = new Map<number, Set<number>>()
  for (const token of added) {
    const content = contentOf(token)
    if (content === '') continue
    byContent.set(content, token)
    const unit = content.charCodeAt(0)
    const known = lengths.get(unit)
    if (known) known.add(content.length)
    else lengths.set(unit, new Set([content.length]))
  }
  if (byContent.size === 0) return (source, on) => source !== '' && on.text(0, source.length)

  const longestFirst = new Map([...lengths].map(([unit, set]) => [unit, [...set].sort((a, b) => b - a)] as const))
  const nextStart = startFinder([...byContent.keys()])
  const tokenAt = (source: string, i: number): { token: AddedToken; length: number } | undefined => {
    for (const length of longestFirst.get(source.charCodeAt(i)) ?? []) {
      const token = byContent.get(source.slice(i, i + length))
      if (token !== undefined && i + length <= source.length) return { token, length }
    }
    return undefined
  }
  return (source, on) => {
    let done = 0
    const next = nextStart(source)
    for (let i = next(0); i < source.length; i = next(i + 1)) {
      const match = tokenAt(source, i)
      if (match === undefined) continue
      const { token } = match
      let from = i
      let to = i + match.length
      i = to - 1
      if (
        token.singleWord &&
        (endsInWord.test(source.slice(Math.max(0, from - 2), from)) || startsWithWord.test(source.slice(to, to + 2)))
      ) {
        continue
      }
      if (token.lstrip) while (from > done && isSpace(source.charCodeAt(from - 1))) from--
      if (token.rstrip) while (to < source.length && isSpace(source.charCodeAt(to))) to++
      if (from > done) on.text(done, from)
      on.token(token.id, from, to)
      done = to
      i = Math.max(i, to - 1)
    }
    if (done < source.length) on.text(done, source.length)
  }
}
