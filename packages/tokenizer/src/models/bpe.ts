import { byteCharacters, bytePlaces, byteToken, type Place, writeUtf8 } from '../bytes.js'
import { invalid } from '../errors.js'
import type { Ids } from '../ids.js'
import { type Merges, mergeDropping, mergeSymbols } from '../merge.js'
import { PairTable } from '../pair-table.js'
import type { Vocabulary } from '../vocabulary.js'
import type { EmitToken, Model } from './model.js'

export interface BpeOptions {
  readonly vocabulary: Vocabulary
  /** In order of rank. */
  readonly merges: readonly (readonly [left: string, right: string])[]
  /** The name of the merges in the file, for errors. */
  readonly field: string
  /** Symbols are bytes, written as GPT-2 does; otherwise they are characters. */
  readonly byteLevel: boolean
  /** A word that is a token is that token, whatever the merges say (Llama 3). */
  readonly ignoreMerges?: boolean
  /** Characters outside the vocabulary become `<0x..>` tokens. */
  readonly byteFallback?: boolean
  readonly unknown?: number | undefined
  readonly fuseUnknown?: boolean
  /** Written before every character of a word but the first. */
  readonly continuingPrefix?: string
  /** Written after the last character of a word. */
  readonly wordSuffix?: string
  /** Whether the next merge is left out for now (BPE dropout); what it answers changes, so that words have no fixed tokens. */
  readonly drops?: (() => boolean) | undefined
}

const utf8 = new TextEncoder()

/** Pairs of ids below this, bytes among them, are looked up without hashing. */
const smallId = 512

/** The merges as a table and as a list of left, right and result; a pair that occurs twice keeps its later rank, as in Hugging Face's tokenizers. */
function mergeTable({ vocabulary, merges, field, continuingPrefix = '' }: BpeOptions): Merges & { readonly pairs: Int32Array } {
  const { ids } = vocabulary
  const pairs = new Int32Array(merges.length * 3)
  const table = new PairTable(merges.length)
  const results = new Int32Array(merges.length)
  const ranks = new Int32Array(merges.length)
  const small = new Int32Array(smallId * smallId).fill(-1)
  for (let i = 0; i < merges.length; i++) {
    const [left, right] = merges[i]!
    const tail = continuingPrefix !== '' && right.startsWith(continuingPrefix) ? right.slice(continuingPrefix.length) : right
    const a = ids.get(left)
    const b = ids.get(right)
    const merged = ids.get(left + tail)
    if (a === undefined || b === undefined || merged === undefined) {
      const missing = a === undefined ? left : b === undefined ? right : left + tail
      throw invalid(`${field}[${i}]`, `Merge ${i} names the token ${JSON.stringify(missing)}, which the vocabulary lacks.`)
    }
    if (a < smallId && b < smallId) small[a * smallId + b] = i
    else table.set(a, b, i)
    pairs[3 * i] = a
    pairs[3 * i + 1] = b
    pairs[3 * i + 2] = merged
    results[i] = merged
    ranks[i] = i
  }
  const find = (left: number, right: number): number =>
    left < smallId && right < smallId ? small[left * smallId + right]! : table.get(left, right)
  return { find, ranks, results, pairs }
}

/** Byte-pair encoding over bytes (GPT-2 and its heirs) or characters (Gemma, Llama 2 as tokenizer.json). */
export function bpe(options: BpeOptions): Model {
  const { vocabulary, byteLevel, drops } = options
  const ignoreMerges = (options.ignoreMerges ?? false) && drops === undefined
  const { ids } = vocabulary
  const merges = mergeTable(options)
  const merge = (symbols: Int32Array, count: number) =>
    drops ? mergeDropping(symbols, count, merges, drops) : mergeSymbols(symbols, count, merges)
  const byteIds = Int32Array.from(byteCharacters, (char) => ids.get(char) ?? options.unknown ?? -1)
  const symbolsOf = byteLevel ? byteSymbols(byteIds) : characterSymbols(options)
  const partsOf = partCounts(vocabulary.tokens.length, merges.pairs)
  // A character of two units has four bytes, one of one unit three at most, and bytes stand for prefix and suffix too.
  const [prefixBytes, suffixBytes] = [options.continuingPrefix, options.wordSuffix].map((affix = '') => utf8.encode(affix).length)
  const mostSymbols = (units: number): number => units * (3 + (prefixBytes ?? 0)) + (suffixBytes ?? 0)
  let scratch = new Int32Array(256)

  function wholeWord(text: string, from: number, to: number): number | undefined {
    if (!byteLevel) return ids.get(text.slice(from, to))
    if (isVisible(text, from + 1, to)) {
      if (text.charCodeAt(from) === 0x20) return ids.get(`Ġ${text.slice(from + 1, to)}`)
      if (isVisible(text, from, from + 1)) return ids.get(text.slice(from, to))
    }
    const count = writeUtf8(text, from, to, scratch)
    let mapped = ''
    for (let i = 0; i < count; i++) mapped += byteCharacters[scratch[i]!]
    return ids.get(mapped)
  }

  function locate(text: string, from: number, to: number, emit: EmitToken): void {
    const whole = ignoreMerges ? wholeWord(text, from, to) : undefined
    if (whole !== undefined) return emit(whole, from, to)
    const places: Place[] = []
    const symbols = new Int32Array(mostSymbols(to - from))
    const initial = symbolsOf(text, from, to, symbols, places)
    const count = merge(symbols, initial)
    let first = 0
    for (let i = 0; i < count; i++) {
      const next = first + partsOf()[symbols[i]!]!
      emit(symbols[i]!, places[first]!.from, places[next - 1]!.to)
      first = next
    }
  }

  return {
    ...(byteLevel && !drops
      ? {
          byteMerges: {
            pairs: merges.pairs,
            byteIds,
            whole: ignoreMerges ? ids : undefined,
          },
        }
      : {}),
    locate,
    encode(text: string, from: number, to: number, out: Ids) {
      const most = mostSymbols(to - from)
      if (most > scratch.length) scratch = new Int32Array(most)
      if (ignoreMerges) {
        const id = wholeWord(text, from, to)
        if (id !== undefined) return out.push(id)
      }
      const count = merge(scratch, symbolsOf(text, from, to, scratch))
      for (let i = 0; i < count; i++) out.push(scratch[i]!)
      // One giant word must not keep its memory for ever.
      if (scratch.length > 1 << 20) scratch = new Int32Array(256)
    },
  }
}

/** Visible characters of ASCII stand for themselves where bytes are written as characters. */
function isVisible(text: string, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const unit = text.charCodeAt(i)
    if (unit <= 0x20 || unit >= 0x7f) return false
  }
  return true
}

/** Writes the symbols of a word and says how many; `places`, when given, gets the characters of each. */
type SymbolsOf = (text: string, from: number, to: number, out: Int32Array, places?: Place[]) => number

/** Of how many symbols each token is merged, reckoned when first asked for. */
function partCounts(size: number, pairs: Int32Array): () => Int32Array {
  let counts: Int32Array | undefined
  return () => {
    if (counts) return counts
    counts = new Int32Array(size).fill(1)
    for (let i = 0; i < pairs.length; i += 3) counts[pairs[i + 2]!] = counts[pairs[i]!]! + counts[pairs[i + 1]!]!
    return counts
  }
}

function byteSymbols(byteIds: Int32Array): SymbolsOf {
  return (text, from, to, out, places) => {
    const count = writeUtf8(text, from, to, out)
    const ofBytes = places && bytePlaces(text, from, to)
    let n = 0
    for (let i = 0; i < count; i++) {
      const id = byteIds[out[i]!]!
      if (id < 0) continue
      if (places) places.push(ofBytes![i]!)
      out[n++] = id
    }
    return n
  }
}

function characterSymbols(options: BpeOptions): SymbolsOf {
  const { vocabulary, byteFallback = false, unknown, fuseUnknown = false, continuingPrefix = '', wordSuffix = '' } = options
  const { ids } = vocabulary
  return (text, from, to, out, places) => {
    let n = 0
    let wasUnknown = false
    for (let i = from; i < to; ) {
      const width = text.codePointAt(i)! > 0xffff ? 2 : 1
      const char = text.slice(i, i + width)
      const name = (i > from ? continuingPrefix : '') + char + (i + width >= to ? wordSuffix : '')
      const id = ids.get(name)
      const place = { from: i, to: i + width }
      i += width
      if (id !== undefined) {
        places?.push(place)
        out[n++] = id
        wasUnknown = false
        continue
      }
      if (byteFallback) {
        const tokens = Array.from(utf8.encode(name), (byte) => ids.get(byteToken(byte)))
        if (!tokens.includes(undefined)) {
          for (const token of tokens) {
            places?.push(place)
            out[n++] = token!
          }
          wasUnknown = false
          continue
        }
      }
      if (unknown === undefined) continue
      if (!(fuseUnknown && wasUnknown)) {
        places?.push(place)
        out[n++] = unknown
      } else if (places) places.at(-1)!.to = place.to
      wasUnknown = true
    }
    return n
  }
}
