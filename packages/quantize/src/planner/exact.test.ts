import { uniform } from '@qt/core'
import { describe, expect, it, vi } from 'vitest'
import { planExactly } from './exact.js'
import type { PlanningProblem } from './problem.js'

// On a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const sum = ({ tensors }: PlanningProblem, choice: readonly number[], key: 'bytes' | 'cost') =>
  choice.reduce((total, option, i) => total + tensors[i]!.options[option]![key], 0)

function random(seed: number, tensors: number, options: number): PlanningProblem['tensors'] {
  const number = (i: number) => uniform(seed, 'sample', 0, i)
  return Array.from({ length: tensors }, (_, t) => ({
    name: `t${t}`,
    options: Array.from({ length: options }, (_, o) => ({
      type: 'Q4_K' as const,
      bytes: 1 + Math.floor(100 * number(2 * (t * options + o))),
      cost: number(2 * (t * options + o) + 1),
    })),
  }))
}

/** Every choice there is. */
function exhaustive(problem: PlanningProblem): number | undefined {
  let best: number | undefined
  const visit = (choice: number[]) => {
    if (choice.length === problem.tensors.length) {
      const cost = sum(problem, choice, 'cost')
      if (sum(problem, choice, 'bytes') <= problem.budget && (best === undefined || cost < best)) best = cost
      return
    }
    for (const option of problem.tensors[choice.length]!.options.keys()) visit([...choice, option])
  }
  visit([])
  return best
}

describe('planExactly', () => {
  it('finds what trying everything finds, at every budget', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const tensors = random(seed, 5, 4)
      for (const budget of [20, 60, 120, 180, 240, 300, 500]) {
        const problem = { tensors, budget }
        const [choice, best] = [planExactly(problem), exhaustive(problem)]
        if (best === undefined) expect(choice).toBeUndefined()
        else {
          expect(sum(problem, choice!, 'bytes')).toBeLessThanOrEqual(budget)
          expect(sum(problem, choice!, 'cost')).toBeCloseTo(best, 12)
        }
      }
    }
  })

  it('plans a model of hundreds of tensors at once', () => {
    const tensors = random(7, 300, 8)
    const problem = { tensors, budget: 9000 }
    const choice = planExactly(problem)!
    expect(sum(problem, choice, 'bytes')).toBeLessThanOrEqual(9000)
    // No single exchange improves it.
    for (const [i, { options }] of tensors.entries())
      for (const option of options.keys()) {
        const other = choice.map((kept, k) => (k === i ? option : kept))
        if (sum(problem, other, 'bytes') <= 9000)
          expect(sum(problem, other, 'cost')).toBeGreaterThanOrEqual(sum(problem, choice, 'cost') - 1e-12)
      }
  })
})
