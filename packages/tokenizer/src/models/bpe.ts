import { byteCharacters, byteToken, writeUtf8 } from '../bytes.js'
import { invalid } from '../errors.js'
import type { Ids } from '../ids.js'
import { type Merges, mergeSymbols } from '../merge.js'
import { PairTable } from '../pair-table.js'
import type { Vocabulary } from '../vocabulary.js'
import type { Model } from './model.js'

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
}

/** The merges as a table; a pair that occurs twice keeps its later rank, as in Hugging Face's tokenizers. */
function mergeTable({ vocabulary, merges, field, continuingPrefix = '' }: BpeOptions): Merges {
  const { ids } = vocabulary
  const table = new PairTable(merges.length)
  const results = new Int32Array(merges.length)
  const ranks = new Int32Array(merges.length)
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
    table.set(a, b, i)
    results[i] = merged
    ranks[i] = i
  }
  return { find: (left, right) => table.get(left, right), ranks, results }
}

/** Byte-pair encoding over bytes (GPT-2 and its heirs) or characters (Gemma, Llama 2 as tokenizer.json). */
export function bpe(options: BpeOptions): Model {
  const { vocabulary, byteLevel, ignoreMerges = false } = options
  const { ids } = vocabulary
  const merges = mergeTable(options)
  const symbolsOf = byteLevel ? byteSymbols(options) : characterSymbols(options)
  let scratch = new Int32Array(256)

  function wholeWord(text: string, from: number, to: number): number | undefined {
    if (!byteLevel) return ids.get(text.slice(from, to))
    const count = writeUtf8(text, from, to, scratch)
    let mapped = ''
    for (let i = 0; i < count; i++) mapped += byteCharacters[scratch[i]!]
    return ids.get(mapped)
  }

  return {
    encode(text: string, from: number, to: number, out: Ids) {
      if ((to - from) * 3 > scratch.length) scratch = new Int32Array((to - from) * 3)
      if (ignoreMerges) {
        const id = wholeWord(text, from, to)
        if (id !== undefined) return out.push(id)
      }
      const count = mergeSymbols(scratch, symbolsOf(text, from, to, scratch), merges)
      for (let i = 0; i < count; i++) out.push(scratch[i]!)
      // One giant word must not keep its memory for ever.
      if (scratch.length > 1 << 20) scratch = new Int32Array(256)
    },
  }
}

type SymbolsOf = (text: string, from: number, to: number, out: Int32Array) => number

function byteSymbols({ vocabulary, unknown }: BpeOptions): SymbolsOf {
  const idOfByte = Int32Array.from(byteCharacters, (char) => vocabulary.ids.get(char) ?? unknown ?? -1)
  return (text, from, to, out) => {
    const count = writeUtf8(text, from, to, out)
    let n = 0
    for (let i = 0; i < count; i++) {
      const id = idOfByte[out[i]!]!
      if (id >= 0) out[n++] = id
    }
    return n
  }
}

function characterSymbols(options: BpeOptions): SymbolsOf {
  const { vocabulary, byteFallback = false, unknown, fuseUnknown = false, continuingPrefix = '', wordSuffix = '' } = options
  const { ids } = vocabulary
  return (text, from, to, out) => {
    let n = 0
    let wasUnknown = false
    for (let i = from; i < to; ) {
      const width = text.codePointAt(i)! > 0xffff ? 2 : 1
      const char = text.slice(i, i + width)
      const name = (i > from ? continuingPrefix : '') + char + (i + width >= to ? wordSuffix : '')
      const id = ids.get(name)
      i += width
      if (id !== undefined) {
        out[n++] = id
        wasUnknown = false
        continue
      }
      if (byteFallback) {
        const tokens = Array.from(new TextEncoder().encode(name), (byte) => ids.get(byteToken(byte)))
        if (!tokens.includes(undefined)) {
          for (const token of tokens) out[n++] = token!
          wasUnknown = false
          continue
        }
      }
      if (unknown === undefined) continue
      if (!(fuseUnknown && wasUnknown)) out[n++] = unknown
      wasUnknown = true
    }
    return n
  }
}
