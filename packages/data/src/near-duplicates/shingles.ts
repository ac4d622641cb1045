export interface ShingleOptions {
  /** How many words, or letters, one after another make a shingle. Default 3 words. */
  readonly size?: number | undefined
  readonly unit?: 'words' | 'letters' | undefined
  /** Other hashes: shingles that share one by chance do not share both. Default 0. */
  readonly seed?: number | undefined
}

const [separator, part, alone] = [0, 1, 2] as const
const kindShift = 16

/**
 * Of a UTF-16 unit its small letter and, above that, whether it stands between words, in one, or is a word by itself (characters of
 * languages that have no spaces).
 */
const units = new Int32Array(65536)
let ready = false
function prepare(): void {
  ready = true
  for (let unit = 0; unit < 65536; unit++) {
    const letter = String.fromCharCode(unit)
    const small = letter.toLowerCase()
    const surrogate = unit >= 0xd800 && unit <= 0xdfff
    const kind = /[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]/.test(letter)
      ? alone
      : surrogate || /[\p{L}\p{N}\p{M}]/u.test(letter)
        ? part
        : separator
    units[unit] = (kind << kindShift) | (small.length === 1 ? small.charCodeAt(0) : unit)
  }
}

/** Murmur3's finaliser: every bit of the input reaches every bit of the output. */
export function mix32(value: number): number {
  let h = value
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/**
 * The set of shingles of texts, as sorted 32-bit hashes. Case, punctuation and spaces do not count. A text of fewer words than a shingle
 * has one of all of them; a text without words has none.
 */
export class Shingler {
  private readonly size: number
  private readonly letters: boolean
  private readonly seed: number
  private items = new Uint32Array(4096)
  private out = new Uint32Array(4096)

  constructor({ size = 3, unit = 'words', seed = 0 }: ShingleOptions = {}) {
    if (!ready) prepare()
    this.size = size
    this.letters = unit === 'letters'
    this.seed = seed === 0 ? 0 : mix32(seed)
  }

  /** How many words, or letters, a text has. */
  count(text: string): number {
    return this.split(text)
  }

  /** Valid until the next call. */
  hashes(text: string): Uint32Array {
    const count = this.split(text)
    if (count === 0) return this.out.subarray(0, 0)
    const { items, size } = this
    const length = Math.max(1, count - size + 1)
    if (this.out.length < length) this.out = new Uint32Array(2 * length)
    const { out } = this
    for (let i = 0; i < length; i++) {
      let hash = 0
      const to = Math.min(count, i + size)
      for (let j = i; j < to; j++) hash = (Math.imul(hash ^ items[j]!, 0x9e3779b1) + 0x7f4a7c15) | 0
      out[i] = mix32(hash)
    }
    return unique(out, length)
  }

  /** Hashes of the words, or letters, in their order. */
  private split(text: string): number {
    if (this.items.length < text.length) this.items = new Uint32Array(2 * text.length)
    const { items, letters, seed } = this
    let count = 0
    let hash = seed
    let open = false
    for (let i = 0; i < text.length; i++) {
      const unit = units[text.charCodeAt(i)]!
      const kind = unit >> kindShift
      if (kind !== part || letters) {
        if (open) items[count++] = hash
        open = false
        hash = seed
        if (kind !== separator) items[count++] = mix32((unit & 0xffff) ^ seed)
        continue
      }
      hash = (Math.imul(hash ^ (unit & 0xffff), 0x01000193) + 0x5bd1e995) | 0
      open = true
    }
    if (open) items[count++] = hash
    return count
  }
}

/** Sorts the first numbers of a list and leaves each one once. */
function unique(list: Uint32Array, length: number): Uint32Array {
  if (length > 48) list.subarray(0, length).sort()
  else
    for (let i = 1; i < length; i++) {
      const value = list[i]!
      let j = i - 1
      while (j >= 0 && list[j]! > value) {
        list[j + 1] = list[j]!
        j--
      }
      list[j + 1] = value
    }
  let kept = 0
  for (let i = 0; i < length; i++) if (i === 0 || list[i] !== list[i - 1]) list[kept++] = list[i]!
  return list.subarray(0, kept)
}

/** |A ∩ B| / |A ∪ B| of two sorted sets. */
export function jaccard(a: Uint32Array, b: Uint32Array): number {
  let [i, j, shared] = [0, 0, 0]
  while (i < a.length && j < b.length) {
    const [x, y] = [a[i]!, b[j]!]
    if (x === y) shared++
    if (x <= y) i++
    if (y <= x) j++
  }
  const all = a.length + b.length - shared
  return all === 0 ? 0 : shared / all
}
