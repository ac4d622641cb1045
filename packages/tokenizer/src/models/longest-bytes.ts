import { bytePlaces } from '../bytes.js'
import { PairTable } from '../pair-table.js'
import type { EmitToken, Model } from './model.js'

const utf8 = new TextEncoder()

/** The longest token that the bytes of the text go on with, again and again (RWKV). A byte that begins none is unknown. */
export function longestBytes(tokens: Iterable<readonly [id: number, bytes: Uint8Array]>, unknown: number | undefined): Model {
  const edges = new PairTable(1 << 16)
  const ends: number[] = [-1]
  for (const [id, bytes] of tokens) {
    let node = 0
    for (const byte of bytes) {
      let child = edges.get(node, byte)
      if (child < 0) {
        child = ends.push(-1) - 1
        edges.set(node, byte, child)
      }
      node = child
    }
    if (node > 0) ends[node] = id
  }

  function each(bytes: Uint8Array, tell: (id: number, from: number, to: number) => void): void {
    for (let from = 0; from < bytes.length; ) {
      let found = unknown ?? -1
      let to = from + 1
      for (let i = from, node = 0; i < bytes.length; i++) {
        node = edges.get(node, bytes[i]!)
        if (node < 0) break
        if (ends[node]! < 0) continue
        found = ends[node]!
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
