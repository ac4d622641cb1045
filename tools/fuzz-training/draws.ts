import { uniform } from '@qt/core'

/** Random choices that follow from a seed and the number of a job alone. */
export interface Draws {
  /** From `least` to `most`, both included. */
  whole(least: number, most: number): number
  pick<Item>(items: readonly Item[]): Item
  chance(share: number): boolean
  /** Some of them, one at least, in their order. */
  some<Item>(items: readonly Item[]): Item[]
}

export function draws(seed: number, number: number): Draws {
  let at = 0
  const next = () => uniform(seed, 'sample', number, at++)
  const whole = (least: number, most: number) => least + Math.floor(next() * (most - least + 1))
  const pick = <Item>(items: readonly Item[]): Item => items[whole(0, items.length - 1)]!
  return {
    whole,
    pick,
    chance: (share) => next() < share,
    some(items) {
      const first = pick(items)
      return items.filter((item) => item === first || next() < 0.4)
    },
  }
}
