import { byteToken } from '../bytes.js'
import { invalid } from '../errors.js'
import { Trie } from '../trie.js'
import type { Vocabulary } from '../vocabulary.js'
import type { EmitToken, Model } from './model.js'

export interface PlamoOptions {
  readonly vocabulary: Vocabulary
  readonly scores: ArrayLike<number>
  /** Ids that texts are cut into. */
  readonly uses: (id: number) => boolean
  /** The name of the tokens in the file, for errors. */
  readonly field: string
}

/** Scores are whole numbers of these. */
const precision = 1e4
const unknownScore = -1e7
const leastScore = -2e7
const endlessCost = 2 ** 60

/** Half a unit away from zero, as std::round. */
const rounded = (value: number): number => Math.sign(value) * Math.round(Math.abs(value))

/**
 * PLaMo 2: the cut of highest total score, found from the end of the text, of equal ones that with the longer token first;
 * a character that no token covers is its bytes. https://huggingface.co/pfnet/plamo-2-1b
 */
export function plamo({ vocabulary, scores, uses, field }: PlamoOptions): Model {
  const { tokens, ids } = vocabulary
  const byteIds = Array.from({ length: 256 }, (_, byte) => {
    const id = ids.get(byteToken(byte))
    if (id === undefined) throw invalid(field, `The vocabulary lacks the byte ${byteToken(byte)}.`)
    return id
  })
  const trie = new Trie(tokens.length * 2)
  for (const [id, token = ''] of tokens.entries()) {
    if (uses(id) && rounded(scores[id]! * precision) > leastScore) trie.addText(token, id)
  }
  const utf8 = new TextEncoder()

  function locate(text: string, start: number, to: number, emit: EmitToken): void {
    // A byte order mark at the beginning is left out.
    const from = text.charCodeAt(start) === 0xfeff ? start + 1 : start
    const length = to - from
    const cost = new Float64Array(length + 1)
    const next = new Int32Array(length)
    const token = new Int32Array(length)
    for (let i = length - 1; i >= 0; i--) {
      const unit = text.charCodeAt(from + i)
      // The second half of a character begins nothing.
      cost[i] = endlessCost
      if (unit >= 0xdc00 && unit <= 0xdfff) continue
      let node = 0
      for (let j = i; j < length; j++) {
        node = trie.next(node, text.charCodeAt(from + j))
        if (node < 0) break
        const id = trie.id(node)
        if (id < 0) continue
        const sum = cost[j + 1]! - rounded(scores[id]! * precision)
        // Longer ones come later here and win when they are as good.
        if (sum > cost[i]!) continue
        cost[i] = sum
        next[i] = j + 1
        token[i] = id
      }
      const end = i + (unit >= 0xd800 && unit <= 0xdbff ? 2 : 1)
      if (cost[end]! - unknownScore >= cost[i]!) continue
      cost[i] = cost[end]! - unknownScore
      next[i] = end
      token[i] = -1
    }
    for (let i = 0; i < length; i = next[i]!) {
      const [begin, end] = [from + i, from + next[i]!]
      if (token[i]! >= 0) emit(token[i]!, begin, end)
      else for (const byte of utf8.encode(text.slice(begin, end))) emit(byteIds[byte]!, begin, end)
    }
  }

  return { locate, encode: (text, from, to, out) => locate(text, from, to, (id) => out.push(id)) }
}
