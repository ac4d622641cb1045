import type { Network } from './network.js'

/** Where an item goes when its rule ends: the whole is done, or (when only a part is looked at) somewhere that is not known. */
export const done = -1
export const unknown = -2

/** Everything the network may be doing after some bytes. */
export interface State {
  readonly id: number
  /** Items with bytes to read. */
  readonly items: readonly number[]
  /** The whole may end here. */
  readonly accepting: boolean
  /** The part looked at may end here. */
  readonly leaves: boolean
  /** The state after each byte: −1 is none, −2 not worked out yet. */
  readonly next: Int32Array
}

const none = -1
const notYet = -2

/**
 * The states of a network, each made once. An item is a place with the item to go on with when its rule ends: a stack whose lower
 * parts are shared, so that equal stacks are equal numbers.
 */
export function states({ places }: Network) {
  const placeOf: number[] = []
  const upOf: number[] = []
  const itemsByKey = new Map<number, number>()
  const list: State[] = []
  const statesByKey = new Map<string, number>()

  function item(place: number, up: number): number {
    const key = place * 2 ** 26 + (up + 2)
    let found = itemsByKey.get(key)
    if (found === undefined) {
      found = placeOf.push(place) - 1
      upOf.push(up)
      itemsByKey.set(key, found)
    }
    return found
  }

  /** A place at which its rule can only end need not be returned to. */
  const onlyEnds = (place: number): boolean => {
    const { bytes, empty, calls, end } = places[place]!
    return end && bytes.length + empty.length + calls.length === 0
  }

  /** The state of these items and of all that they lead to without a byte. */
  function close(from: Iterable<number>): State {
    const seen = new Set(from)
    let accepting = false
    let leaves = false
    const reading: number[] = []
    for (const at of seen) {
      const up = upOf[at]!
      const place = places[placeOf[at]!]!
      if (place.bytes.length > 0) reading.push(at)
      for (const next of place.empty) seen.add(item(next, up))
      for (const call of place.calls) seen.add(item(call.rule, onlyEnds(call.place) ? up : item(call.place, up)))
      if (!place.end) continue
      if (up === done) accepting = true
      else if (up === unknown) leaves = true
      else seen.add(up)
    }
    reading.sort((a, b) => a - b)
    const key = `${reading.join()}${accepting ? '!' : ''}${leaves ? '?' : ''}`
    let id = statesByKey.get(key)
    if (id === undefined) {
      id = list.length
      list.push({ id, items: reading, accepting, leaves, next: new Int32Array(256).fill(notYet) })
      statesByKey.set(key, id)
    }
    return list[id]!
  }

  return {
    item,
    close,
    place: (at: number): number => placeOf[at]!,
    up: (at: number): number => upOf[at]!,
    state: (id: number): State => list[id]!,
    /** The state after a byte, or −1. */
    step(from: number, byte: number): number {
      const { next, items } = list[from]!
      const known = next[byte]!
      if (known !== notYet) return known
      const to: number[] = []
      for (const at of items)
        for (const edge of places[placeOf[at]!]!.bytes)
          if (byte >= edge.from && byte <= edge.to) to.push(item(edge.place, upOf[at]!))
      const result = to.length === 0 ? none : close(to).id
      next[byte] = result
      return result
    },
  }
}

export type States = ReturnType<typeof states>
