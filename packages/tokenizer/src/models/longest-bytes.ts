import { bytePlaces } from '../bytes.js'
import { Trie } from '../trie.js'
import type { EmitToken, Model } from './model.js'

const utf8 = new TextEncoder()

/** The longest token that the bytes of the text go on with, again and again (RWKV). A byte that begins none is unknown. */
export function longestBytes(tokens: Iterable<readonly [id: number, bytes: Uint8Array]>, unknown: number | undefined): Model {
  const trie = new Trie(1 << 16)
  for (const [id, bytes] of tokens) trie.addBytes(bytes, id)

  function each(bytes: Uint8Array, tell: (id: number, from: number, to: number) => void): void {
    for (let from = 0; from < bytes.length; ) {
      let found = unknown ?? -1
      let to = from + 1
      for (let i = from, node = 0; i < bytes.length; i++) {
        node = trie.next(node, bytes[i]!)
        if (node < 0) break
        if (trie.id(node) < 0) continue
        found = trie.id(node)
        to = i + 1
      }
      if (found >= 0) tell(found, from, to)
      from = to
    }
  }

  return {
    encode: (text, from, to, out) => each(utf8.encode(text.slice(from, to)), (id) => out.push(id)),
    locate(text: string, from: number, to: number, emit: EmitToken) {
      const places = bytePlaces(text, from, to)
      each(utf8.encode(text.slice(from, to)), (id, start, end) => emit(id, places[start]!.from, places[end - 1]!.to))
    },
  }
}
