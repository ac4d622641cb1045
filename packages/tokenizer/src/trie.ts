import { PairTable } from './pair-table.js'

/** Tokens by what they are spelled with, UTF-16 units or bytes: a walk from the root, node 0, meets each that a text goes on with. */
export class Trie {
  readonly #edges: PairTable
  readonly #ids: number[] = [-1]

  /** @param size About how many edges there will be. */
  constructor(size: number) {
    this.#edges = new PairTable(size)
  }

  addText(text: string, id: number): void {
    let node = 0
    for (let i = 0; i < text.length; i++) node = this.#grow(node, text.charCodeAt(i))
    this.#end(node, id)
  }

  addBytes(bytes: Uint8Array, id: number): void {
    let node = 0
    for (const byte of bytes) node = this.#grow(node, byte)
    this.#end(node, id)
  }

  /** The node after one more unit or byte; below 0 when no token goes on with it. */
  next(node: number, unit: number): number {
    return this.#edges.get(node, unit)
  }

  /** The token that ends at a node; below 0 when none does. */
  id(node: number): number {
    return this.#ids[node]!
  }

  #grow(node: number, unit: number): number {
    const there = this.#edges.get(node, unit)
    if (there >= 0) return there
    const child = this.#ids.push(-1) - 1
    this.#edges.set(node, unit, child)
    return child
  }

  /** Nothing is no token. */
  #end(node: number, id: number): void {
    if (node > 0) this.#ids[node] = id
  }
}
