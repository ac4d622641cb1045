import type { QuadraticModel, Solution } from '../quadratic.js'
import { quadraticBuilder } from '../quadratic-builder.js'
import type { Choices } from './choice-problem.js'

export interface ChoiceModel extends QuadraticModel {
  /** The group of each bit; those of a group follow each other. */
  readonly groups: Uint32Array
  /** What each bit adds to the weight. */
  readonly steps: Float64Array
  /** The weight where all bits are 0. */
  readonly least: number
  /** The options of each group from the lightest on. */
  readonly ladders: readonly (readonly number[])[]
}

/**
 * The choices as bits, by domain walls (arXiv:1903.05068): the options of a group from the lightest on are a ladder, and its bits say how far
 * up, 1s before 0s. One bit less than options, and the next option up or down is one flip away; with a bit for each option it would be two, over a wall of
 * penalties. Option k is xₖ − xₖ₊₁, so pairs stay quadratic.
 */
export function choiceModel({ starts, cost, weight, partners }: Choices): ChoiceModel {
  const count = starts.length - 1
  const ladders = Array.from({ length: count }, (_, g) =>
    Array.from({ length: starts[g + 1]! - starts[g]! }, (_, k) => starts[g]! + k).sort(
      (a, b) => weight[a]! - weight[b]! || cost[a]! - cost[b]! || a - b,
    ),
  )
  const size = cost.length - count
  const groups = new Uint32Array(size)
  const steps = new Float64Array(size)
  // Each option as a sum of ±bits; bit −1 is the constant 1.
  const terms: (readonly (readonly [number, number])[])[] = cost.length === 0 ? [] : Array.from(cost, () => [])
  let [bit, least] = [0, 0]
  for (const [g, ladder] of ladders.entries()) {
    least += weight[ladder[0]!]!
    for (const [k, option] of ladder.entries()) {
      const here = k === 0 ? -1 : bit++
      if (k > 0) [groups[here], steps[here]] = [g, weight[option]! - weight[ladder[k - 1]!]!]
      terms[option] =
        k + 1 < ladder.length
          ? [
              [1, here],
              [-1, bit],
            ]
          : [[1, here]]
    }
  }
  const builder = quadraticBuilder('binary', size)
  const addLinear = (i: number, value: number) => (i < 0 ? builder.addOffset(value) : builder.addLinear(i, value))
  for (const [option, list] of terms.entries()) for (const [sign, i] of list) addLinear(i, sign * cost[option]!)
  partners.forEach((list, a) => {
    for (const [b, value] of list)
      if (b > a)
        for (const [s, i] of terms[a]!)
          for (const [t, j] of terms[b]!)
            if (i < 0 || j < 0) addLinear(Math.max(i, j), s * t * value)
            else builder.addQuadratic(i, j, s * t * value)
  })
  return { ...builder.build(), groups, steps, least, ladders }
}

/** Adds price · (W − limit) + square · (W − limit)² of the weight W, and penalties that keep 1s before 0s. */
export function withPrice({ limit, tiny }: Choices, model: ChoiceModel, price: number, square: number): QuadraticModel {
  const { size, groups, steps, rows, columns, values } = model
  const builder = quadraticBuilder('binary', size, values.length)
  const beyond = model.least - limit
  const linear = model.linear.map(
    (value, i) => value + steps[i]! * (price + (square === 0 ? 0 : square * (steps[i]! + 2 * beyond))),
  )
  // The most that switching a bit can gain.
  const gain = linear.map(Math.abs)
  for (let i = 0; i < size; i++) builder.addLinear(i, linear[i]!)
  for (let k = 0; k < values.length; k++) {
    const [i, j, value] = [rows[k]!, columns[k]!, values[k]!]
    builder.addQuadratic(i, j, value)
    gain[i]! += Math.abs(value)
    gain[j]! += Math.abs(value)
  }
  if (square !== 0)
    for (let i = 0; i < size; i++)
      for (let j = i + 1; j < size; j++) builder.addQuadratic(i, j, 2 * square * steps[i]! * steps[j]!)
  for (let i = 1; i < size; i++) {
    if (groups[i] !== groups[i - 1]) continue
    const penalty = tiny + Math.max(gain[i]!, gain[i - 1]!)
    builder.addLinear(i, penalty)
    builder.addQuadratic(i - 1, i, -penalty)
  }
  return builder.build()
}

/** The option of each group: as far up its ladder as it has bits. */
export function optionsOf({ groups, ladders }: ChoiceModel, solution: Solution): number[] {
  const heights = new Uint32Array(ladders.length)
  for (const [bit, g] of groups.entries()) heights[g]! += solution[bit]!
  return ladders.map((ladder, g) => ladder[heights[g]!]!)
}
