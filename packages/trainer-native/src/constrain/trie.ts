import type { Tokenizer } from '@qt/core'

/**
 * A vocabulary as a tree of bytes, its nodes in preorder: the children of a node follow it, `end` is where they stop. A node has the
 * tokens `tokens[first[node] … first[node + 1]]`.
 */
export interface Trie {
  readonly byte: Uint8Array
  readonly depth: Uint16Array
  readonly end: Int32Array
  readonly first: Int32Array
  readonly tokens: Int32Array
  /** The bytes of a token; undefined for those that write nothing. */
  bytes(id: number): Uint8Array | undefined
}

const tries = new WeakMap<Tokenizer, Trie>()

export function vocabularyTrie(tokenizer: Tokenizer): Trie {
  const known = tries.get(tokenizer)
  if (known) return known
  const pieces: (Uint8Array | undefined)[] = []
  const words: { readonly key: string; readonly id: number }[] = []
  for (let id = 0; id < tokenizer.vocabularySize; id++) {
    const piece = tokenizer.bytes?.(id)
    pieces.push(piece)
    if (piece && piece.length > 0) words.push({ key: Buffer.from(piece).toString('latin1'), id })
  }
  words.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.id - b.id))
  const [byte, depth, end, first, tokens]: number[][] = [[], [], [], [], []]
  const open: number[] = [] // the node at each depth of the word at hand
  let before = ''
  for (const { key, id } of words) {
    let common = 0
    while (common < before.length && common < key.length && before[common] === key[common]) common++
    while (open.length > common) end![open.pop()!] = byte!.length
    for (let at = common; at < key.length; at++) {
      open.push(byte!.length)
      byte!.push(key.charCodeAt(at))
      depth!.push(at)
      end!.push(0)
      first!.push(tokens!.length)
    }
    tokens!.push(id)
    before = key
  }
  for (const node of open) end![node] = byte!.length
  first!.push(tokens!.length)
  const trie: Trie = {
    byte: Uint8Array.from(byte!),
    depth: Uint16Array.from(depth!),
    end: Int32Array.from(end!),
    first: Int32Array.from(first!),
    tokens: Int32Array.from(tokens!),
    bytes: (id) => pieces[id],
  }
  tries.set(tokenizer, trie)
  return trie
}
