import { uniform } from '@qt/core'

/** Choices of one text: the n-th choice of text `index` under `seed` is always the same. */
export interface Choices {
  /** 0 … below - 1. */
  integer(below: number): number
  pick<T>(from: readonly T[]): T
  chance(probability: number): boolean
}

export function choices(seed: number, index: number): Choices {
  let made = 0
  const next = () => uniform(seed, 'sample', index, made++)
  const integer = (below: number) => Math.floor(next() * below)
  return {
    integer,
    pick: (from) => {
      const chosen = from[integer(from.length)]
      if (chosen === undefined) throw new RangeError('Nothing to pick from.')
      return chosen
    },
    chance: (probability) => next() < probability,
  }
}
