import type { Network } from './network.js'
import { done, type State, type States, states, unknown } from './states.js'
import type { Trie } from './trie.js'

/** A set of tokens: bit `id % 32` of word `id / 32`. */
export type Mask = Uint32Array

/** What can be said of a place without knowing what comes after its rule: xgrammar's context-independent tokens. */
interface Local {
  readonly allowed: Mask
  /** Nodes of the vocabulary at which the rule may end, with longer tokens below: those are looked at with what comes after. */
  readonly leaves: Int32Array
}

const rememberedMasks = 256

/** Which tokens may come next, for the states of a network over a vocabulary. */
export function masks(network: Network, trie: Trie, vocabularySize: number) {
  const all: States = states(network)
  const locals = new Map<number, Local>()
  const remembered = new Map<number, Mask>()
  const words = Math.ceil(vocabularySize / 32)
  const path: number[] = [] // the state at each depth

  /** Allows the tokens below a node (−1: all) that a state can read; `leave` is told where the state may leave its part. */
  function walk(node: number, from: number, allowed: Mask, leave?: (node: number) => void): void {
    const { byte, depth, end, first, tokens } = trie
    const stop = node < 0 ? byte.length : end[node]!
    const base = node < 0 ? 0 : depth[node]! + 1
    path[base] = from
    for (let at = node + 1; at < stop; ) {
      const to = all.step(path[depth[at]!]!, byte[at]!)
      if (to < 0) {
        at = end[at]!
        continue
      }
      for (let i = first[at]!; i < first[at + 1]!; i++) allowed[tokens[i]! >> 5]! |= 1 << (tokens[i]! & 31)
      if (leave && end[at]! > at + 1 && all.state(to).leaves) leave(at)
      path[depth[at]! + 1] = to
      at++
    }
  }

  function local(place: number): Local {
    let found = locals.get(place)
    if (!found) {
      const allowed = new Uint32Array(words)
      const leaves: number[] = []
      walk(-1, all.close([all.item(place, unknown)]).id, allowed, (node) => leaves.push(node))
      found = { allowed, leaves: Int32Array.from(leaves) }
      locals.set(place, found)
    }
    return found
  }

  return {
    start: all.close([all.item(network.start, done)]),
    /** The state after a token, or undefined when it does not fit. */
    after(state: State, id: number): State | undefined {
      let at = state.id
      for (const byte of trie.bytes(id) ?? []) {
        at = all.step(at, byte)
        if (at < 0) return undefined
      }
      return all.state(at)
    },
    /** Tokens that fit in a state. Not to be changed. */
    allowed(state: State): Mask {
      const known = remembered.get(state.id)
      if (known) return known
      const allowed = new Uint32Array(words)
      for (const at of state.items) {
        const { allowed: here, leaves } = local(all.place(at))
        for (let i = 0; i < words; i++) allowed[i]! |= here[i]!
        const up = all.up(at)
        if (up === done || leaves.length === 0) continue
        const after = all.close([up]).id
        for (const node of leaves) walk(node, after, allowed)
      }
      if (remembered.size >= rememberedMasks) remembered.delete(remembered.keys().next().value!)
      remembered.set(state.id, allowed)
      return allowed
    },
  }
}

export type Masks = ReturnType<typeof masks>
