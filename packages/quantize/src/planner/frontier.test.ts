import { uniform } from '@qt/core'
import { expect, it } from 'vitest'
import { planExactly } from './exact.js'
import { frontierOf } from './frontier.js'

const tensors = Array.from({ length: 30 }, (_, t) => ({
  name: `t${t}`,
  options: Array.from({ length: 6 }, (_, o) => ({
    type: 'Q4_K' as const,
    bytes: 1 + Math.floor(100 * uniform(5, 'sample', 0, 12 * t + 2 * o)),
    cost: uniform(5, 'sample', 0, 12 * t + 2 * o + 1),
  })),
}))

it('goes from the smallest size to that of the least loss, and nothing is better at any of its sizes', () => {
  const frontier = frontierOf(tensors, 8)
  expect(frontier.length).toBe(8)
  expect(frontier[0]!.bytes).toBe(tensors.reduce((sum, { options }) => sum + Math.min(...options.map(({ bytes }) => bytes)), 0))
  const least = tensors.reduce((sum, { options }) => sum + Math.min(...options.map(({ cost }) => cost)), 0)
  expect(frontier.at(-1)!.cost).toBeCloseTo(least, 12)
  for (const { bytes, cost } of frontier) {
    const choice = planExactly({ tensors, budget: bytes })!
    expect(choice.reduce((sum, option, i) => sum + tensors[i]!.options[option]!.cost, 0)).toBeCloseTo(cost, 9)
  }
  for (const [i, { bytes, cost }] of frontier.slice(1).entries()) {
    expect(bytes).toBeGreaterThan(frontier[i]!.bytes)
    expect(cost).toBeLessThan(frontier[i]!.cost)
  }
})

it('of a model without a choice is one point', () => {
  const options = [{ type: 'F16' as const, bytes: 10, cost: 0 }]
  expect(frontierOf([{ name: 'a', options }])).toEqual([{ bytes: 10, cost: 0 }])
})
