import { expect, test, vi } from 'vitest'
import {
  dropHeads,
  dropHeadsProblem,
  dropLayers,
  dropLayersProblem,
  freezingProblem,
  objectiveOf,
  type StageSettings,
  samplingProblem,
  trainInStages,
} from '../src/decisions.js'

// A busy machine.
vi.setConfig({ testTimeout: 120_000 })

type Losses = Readonly<Record<string, number>>

/** Each group is learned by as much as it is seen; `harm` is what sampling otherwise than plainly costs the held-out loss. */
function toy(harm = 0) {
  const trained: StageSettings[] = []
  return {
    trained,
    trainer: {
      async train(from: Losses, settings: StageSettings): Promise<Losses> {
        trained.push(settings)
        const bent = [...settings.sampling.values()].some((weight) => weight !== 1)
        return Object.fromEntries(
          Object.entries(from).map(([name, loss]) => [
            name,
            loss * 0.99 ** (settings.steps * (settings.sampling.get(name) ?? 1)) + (bent ? harm : 0),
          ]),
        )
      },
      statistics: async (state: Losses) => ({
        groups: Object.entries(state).map(([name, loss]) => ({ name, tokens: 100, loss })),
        modules: ['q', 'k', 'v'].map((name, i) => ({ name, parameters: 10, gradientNorm: i })),
      }),
      heldOutLoss: async (state: Losses) => Object.values(state).reduce((a, b) => a + b, 0),
    },
  }
}
const start: Losses = { easy: 0.1, hard: 5, middle: 0.2 }

test('a stage sees more of what has most to teach, within the same tokens, and is kept where it helps', async () => {
  const { trainer, trained } = toy()
  const heard: number[] = []
  const { state, stages } = await trainInStages(trainer, start, {
    ...{ steps: 25, optimizationFrequency: 10, time: 0.05, control: true },
    onStage: ({ stage }) => heard.push(stage),
  })
  expect(stages.map(({ steps, kept }) => [steps, kept])).toEqual([
    [10, true],
    [10, true],
    [5, true],
  ])
  expect(heard).toEqual([1, 2, 3])
  expect(stages[0]!.sampling.hard).toBe(2)
  for (const { sampling, decided, plain } of stages) {
    expect(Object.values(sampling).reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(3)
    expect(decided).toBeLessThan(plain!)
  }
  // With the control, every stage is trained twice.
  expect(trained).toHaveLength(6)
  expect(state.hard).toBeLessThan(5 * 0.99 ** 25)
})

test('a stage that does not help is rolled back and trained plainly', async () => {
  const { trainer } = toy(10)
  const { state, stages } = await trainInStages(trainer, start, { steps: 10, optimizationFrequency: 10, time: 0.05 })
  expect(stages[0]!.kept).toBe(false)
  expect(stages[0]!.before).toBeCloseTo(5.3, 12)
  expect(stages[0]!.decided).toBeGreaterThan(30)
  expect(state.hard).toBeCloseTo(5 * 0.99 ** 10, 12)
})

test('modules with small gradients are frozen where only a share is trained', async () => {
  const { trainer, trained } = toy()
  await trainInStages(trainer, start, { steps: 1, trainedShare: 0.7, time: 0.05 })
  expect([...trained[0]!.frozen]).toEqual(['q'])
  expect(() => freezingProblem([], 0)).toThrow('share')
})

test('ranks move to where they gain most, with as many parameters as before', async () => {
  const { trainer, trained } = toy()
  const gains = { q: [1, 1.1, 1.2], k: [1, 3, 5], v: [0.5, 0.6, 0.7] }
  const modules = Object.entries(gains).map(([name, values], i) => ({
    ...{ name, parameters: 40, gradientNorm: i, rank: 4 },
    ranks: [2, 4, 8].map((rank, o) => ({ rank, parameters: 10 * rank, gain: values[o]! })),
  }))
  const { groups } = await trainer.statistics(start)
  const { stages } = await trainInStages({ ...trainer, statistics: async () => ({ groups, modules }) }, start, {
    ...{ steps: 1, time: 0.05, moveRanks: true },
  })
  expect(Object.fromEntries(trained[0]!.ranks)).toEqual({ q: 2, k: 8, v: 2 })
  expect(stages[0]!.ranks).toEqual({ q: 2, k: 8, v: 2 })
  expect(stages[0]!.ranking!.best.weight).toBeLessThanOrEqual(120)
  expect(stages[0]!.gradientNorms).toEqual({ q: 0, k: 1, v: 2 })
  // What is frozen neither gives nor takes.
  const frozen = await trainInStages({ ...trainer, statistics: async () => ({ groups, modules }) }, start, {
    ...{ steps: 1, time: 0.05, moveRanks: true, trainedShare: 0.7 },
  })
  expect([frozen.stages[0]!.frozen, frozen.stages[0]!.ranks]).toEqual([['q'], {}])
})

test('the formulation keeps to the size that is allowed, and says what is no number', async () => {
  const { trainer } = toy()
  await expect(trainInStages(trainer, start, { steps: 5, quboSizeLimit: 2, time: 0.05 })).resolves.toBeDefined()
  await expect(trainInStages(trainer, start, { steps: 0 })).rejects.toMatchObject({ code: 'QUBO_OPTION' })
  expect(() => samplingProblem([{ name: 'a', tokens: 1, loss: Number.NaN }])).toThrow('"a"')
})

test('groups that are alike are not both seen more often', () => {
  const features = Float32Array.of(1, 0)
  const group = (name: string, other?: Float32Array) => ({ name, tokens: 10, loss: 1, features: other ?? features })
  const { groups, pairs } = samplingProblem([group('a'), group('b'), group('c', Float32Array.of(0, 1))])
  expect(pairs.map(([i, , j]) => [i, j])).toEqual([[0, 1]])
  const objective = (choice: number[]) => objectiveOf({ groups, pairs }, choice)
  expect(objective([2, 1, 2])).toBeLessThan(objective([2, 2, 1]))
})

test('layers that stand in for each other are not both left out', async () => {
  const costs = {
    single: [9, 1, 1, 2],
    pairs: [
      [0, 1, 10],
      [0, 2, 10],
      [0, 3, 11],
      [1, 2, 8],
      [1, 3, 3],
      [2, 3, 3],
    ] as const,
  }
  const { layers, decision } = await dropLayers(costs, { count: 2, time: 0.05 })
  expect([layers[1], decision.best.objective]).toEqual([3, 3])
  // The knapsack leaves out as many layers, not one more for fear of rounding: a third of 2000 steps is no whole number.
  const one = await dropLayers(costs, { count: 1, time: 0.05 })
  const knapsack = one.decision.outcomes.find(({ method }) => method === 'separable')!
  expect([knapsack.choice, knapsack.weight]).toEqual([[0, 1, 0, 0], 3])
  // Exact for two layers.
  const problem = dropLayersProblem(costs, 2)
  for (const [i, j, both] of costs.pairs)
    expect(
      objectiveOf(
        problem,
        [0, 1, 2, 3].map((k) => (k === i || k === j ? 1 : 0)),
      ),
    ).toBe(both)
  await expect(dropLayers(costs, { count: 4 })).rejects.toMatchObject({ code: 'DECISION_INVALID' })
})

test('heads that change a model against each other are left out together', async () => {
  const sketch = (...values: number[]) => Float32Array.from(values)
  const sketches = [
    [sketch(2, 0, 0), sketch(0, 1, 0), sketch(0, 0, 3)],
    [sketch(-2, 0, 0), sketch(0, 1, 0), sketch(0, 0, 3)],
  ]
  // One by one the second head is missed least (½ against 2); both first ones together not at all.
  const { keep, decision } = await dropHeads(sketches, { count: 1, time: 0.05 })
  expect(keep).toEqual([
    [1, 2],
    [1, 2],
  ])
  expect(decision.best.objective).toBeCloseTo(0, 9)
  // The objective is half the square of the sum of what the heads change.
  expect(objectiveOf(dropHeadsProblem(sketches, 2), [0, 2])).toBeCloseTo((2 ** 2 + 2 ** 2 + 3 ** 2) / 2, 5)
  expect(() => dropHeadsProblem(sketches, 3)).toThrow('left out')
})
