import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import {
  bitsPerWord,
  bitsProblem,
  type ChoicePair,
  type ChoiceProblem,
  decide,
  logitSketch,
  meanDivergence,
  objectiveOf,
  pairwisePlanner,
  placeAdapters,
  scheduleJobs,
  selectExamples,
  textFeatures,
  weightOf,
} from '../src/decisions.js'
import { uniformNumbers } from '../src/solvers/uniform-numbers.js'

// A busy machine.
vi.setConfig({ testTimeout: 120_000 })

function randomProblem(seed: number, groups: number, options: number, density: number): ChoiceProblem {
  const draw = uniformNumbers(seed)
  const pairs: ChoicePair[] = []
  for (let g = 0; g < groups; g++)
    for (let h = g + 1; h < groups; h++)
      for (let o = 0; o < options; o++)
        for (let p = 0; p < options; p++) if (draw() < density) pairs.push([g, o, h, p, draw() - 0.5])
  return {
    groups: Array.from({ length: groups }, (_, g) => ({
      name: `g${g}`,
      options: Array.from({ length: options }, (_, o) => ({
        name: `o${o}`,
        weight: o === 0 ? 0 : 1 + 9 * draw(),
        cost: o === 0 ? 0 : -draw(),
      })),
    })),
    pairs,
    budget: 3 * groups,
  }
}

test('every way keeps the budget, and none is better than trying everything', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 9999 }), fc.constantFrom(0, 0.5), async (seed, density) => {
      const problem = randomProblem(seed, 6, 3, density)
      const { outcomes, best } = await decide(problem, { time: 0.02, seed })
      const exact = outcomes.find(({ method }) => method === 'exact')!
      for (const { choice, objective, weight } of outcomes) {
        expect(weight).toBeLessThanOrEqual(problem.budget! + 1e-9)
        expect(weight).toBe(weightOf(problem, choice))
        expect(objective).toBe(objectiveOf(problem, choice))
        expect(objective).toBeGreaterThanOrEqual(exact.objective - 1e-9)
      }
      expect(best.objective).toBeCloseTo(exact.objective, 9)
    }),
    { numRuns: 3 },
  )
})

test('the QUBO finds the optimum of small decisions, also in pieces', async () => {
  for (const seed of [1, 2])
    for (const sizeLimit of [undefined, 8]) {
      const { outcomes, bits } = await decide(randomProblem(seed, 7, 3, 0.6), { time: 0.4, seed, sizeLimit })
      const of = (method: string) => outcomes.find((one) => one.method === method)!.objective
      expect(bits).toBe(14)
      expect(of('qubo')).toBeLessThanOrEqual(of('exact') + 0.05 * Math.abs(of('exact')))
    }
})

test('the QUBO is worse than neither the greedy choice nor the knapsack, however short its time', async () => {
  let knapsackWins = 0
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const problem = randomProblem(seed, 12, 4, 0.1)
    // One that takes half of the budget: greedy steps leap over what its lighter options leave.
    const [first, ...others] = problem.groups
    const heavy = first!.options.map((option, o) => ({ ...option, weight: o * 0.25 * problem.budget!, cost: -1.5 * o }))
    const groups = [{ name: 'heavy', options: heavy }, ...others]
    const { outcomes } = await decide({ ...problem, groups }, { time: 0.001, seed })
    const of = (method: string) => outcomes.find((one) => one.method === method)!.objective
    if (of('separable') < of('greedy')) knapsackWins++
    expect(of('qubo')).toBeLessThanOrEqual(Math.min(of('greedy'), of('separable')) + 1e-9)
  }
  expect(knapsackWins).toBeGreaterThan(0)
})

test('says where a QUBO has no place, and what cannot be kept', async () => {
  const knapsack = randomProblem(1, 8, 2, 0)
  expect((await decide(knapsack, { time: 0.02 })).verdict).toContain('knapsack')
  const heavy = { ...knapsack, groups: knapsack.groups.map((group) => ({ ...group, options: [group.options[1]!] })), budget: 1 }
  await expect(decide(heavy)).rejects.toMatchObject({ code: 'DECISION_BUDGET' })
  await expect(decide({ ...knapsack, pairs: [[0, 0, 0, 1, 1]] })).rejects.toMatchObject({ code: 'DECISION_INVALID' })
  await expect(decide({ ...knapsack, pairs: [[0, 0, 99, 1, 1]] })).rejects.toMatchObject({ code: 'DECISION_INVALID' })
  await expect(decide({ ...knapsack, budget: Number.NaN })).rejects.toMatchObject({ code: 'DECISION_INVALID' })
  await expect(decide(knapsack, { time: 0 })).rejects.toMatchObject({ code: 'QUBO_OPTION', where: { field: 'time' } })
})

test('a budget is kept to the byte, also where only the least of everything fits', async () => {
  const option = (name: string, weight: number, cost: number) => ({ name, weight, cost })
  const group = (name: string) => ({ name, options: [option('small', 500, 1), option('large', 600_000_000, 0)] })
  const groups = [group('a'), group('b')]
  for (const [budget, large] of [
    [1000, 0],
    [1_199_999_999, 1],
    [1_200_000_000, 2],
  ] as const)
    for (const { method, choice, weight } of (await decide({ groups, pairs: [], budget }, { time: 0.01 })).outcomes) {
      expect(weight).toBeLessThanOrEqual(budget)
      // A random choice may be anything that fits.
      if (method !== 'random') expect([method, choice.reduce((a, b) => a + b, 0)]).toEqual([method, large])
    }
})

test('the unit of costs does not matter', async () => {
  const problem = randomProblem(4, 8, 3, 0.5)
  const scaled = (by: number): ChoiceProblem => ({
    ...problem,
    groups: problem.groups.map(({ name, options }) => ({
      name,
      options: options.map((option) => ({ ...option, cost: by * option.cost })),
    })),
    pairs: problem.pairs.map(([g, o, h, p, value]): ChoicePair => [g, o, h, p, by * value]),
  })
  const [small, large] = [await decide(scaled(2 ** -50), { time: 0.1 }), await decide(scaled(2 ** 50), { time: 0.1 })]
  for (const method of ['greedy', 'separable', 'exact']) {
    const of = ({ outcomes }: typeof small) => outcomes.find((one) => one.method === method)!.choice
    expect(of(small)).toEqual(of(large))
  }
  expect(small.best.choice).toEqual(small.outcomes.find(({ method }) => method === 'exact')!.choice)
})

test('a decision that is interrupted ends at once', async () => {
  const controller = new AbortController()
  setTimeout(() => controller.abort(), 50)
  const started = performance.now()
  await expect(decide(randomProblem(1, 8, 3, 0.5), { time: 60, signal: controller.signal })).rejects.toMatchObject({
    name: 'AbortError',
  })
  expect(performance.now() - started).toBeLessThan(30_000)
})

test('examples that say the same are not both selected', async () => {
  const topics = ['the altar glows in the crypt', 'roll for stealth near the guard', 'a merchant sells rope and oil']
  const texts = topics.flatMap((topic) => [topic, `${topic} now`, `${topic} again`])
  const features = textFeatures(texts)
  const candidates = texts.map((text, i) => ({ name: text, tokens: 10, quality: 0.5, features: features[i]! }))
  const { selected, tokens } = await selectExamples(candidates, { tokens: 30, time: 0.1 })
  expect(tokens).toBe(30)
  expect(selected.map((i) => Math.floor(i / 3))).toEqual([0, 1, 2])
})

test('the model of words predicts what is like its training better', () => {
  const train = ['the cat sat on the mat', 'the dog sat on the rug']
  expect(bitsPerWord(train, ['the cat sat on the rug'], 100)).toBeLessThan(bitsPerWord(train, ['rain fell in spain'], 100))
  expect(bitsPerWord([], ['a b'], 8)).toBeCloseTo(3, 9)
})

test('adapters go where gradients are, within the parameters', async () => {
  const site = (name: string, scale: number) => ({
    name,
    inputs: 64,
    outputs: 64,
    gains: Array.from({ length: 16 }, (_, k) => scale * 0.5 ** k),
  })
  const sites = [site('q', 1), site('k', 0.9), site('v', 4), site('o', 0.01)]
  const { ranks, parameters } = await placeAdapters(sites, {
    parameters: 8 * 128,
    ranks: [2, 4, 8],
    overlaps: [{ between: ['q', 'k'], share: 0.9 }],
    time: 0.1,
  })
  expect(parameters).toBeLessThanOrEqual(8 * 128)
  expect(ranks.get('v')).toBeGreaterThanOrEqual(4)
  // q and k gain mostly the same.
  expect(ranks.has('q') && ranks.has('k')).toBe(false)
  const wrong = { parameters: 1024, overlaps: [{ between: ['q', 'x'] as const, share: 1 }] }
  await expect(placeAdapters(sites, wrong)).rejects.toMatchObject({ code: 'DECISION_INVALID' })
  await expect(placeAdapters([...sites, site('q', 1)], { parameters: 1024 })).rejects.toMatchObject({ code: 'DECISION_INVALID' })
})

test('the sum of a schedule is that of its jobs, and no job runs where it does not fit', async () => {
  const jobs = [5, 3, 8, 2, 7, 4].map((seconds, i) => ({
    name: `j${i}`,
    seconds,
    priority: 1 + (i % 3),
    memory: i === 2 ? 8 : 1,
  }))
  const machines = [
    { name: 'small', memory: 4 },
    { name: 'large', memory: 16, speed: 2 },
  ]
  const { jobs: scheduled, weightedCompletion, decision } = await scheduleJobs(jobs, machines, { time: 0.1 })
  expect(scheduled.find(({ job }) => job === 'j2')?.machine).toBe('large')
  expect(weightedCompletion).toBeCloseTo(decision.best.objective, 9)
  expect(decision.best.objective).toBeCloseTo(decision.outcomes.find(({ method }) => method === 'exact')!.objective, 9)
  await expect(scheduleJobs(jobs, [machines[0]!])).rejects.toMatchObject({ code: 'DECISION_INVALID' })
  // Names are for people: the same one twice is two machines.
  const twins = await scheduleJobs(jobs.slice(0, 2), [machines[1]!, machines[1]!], { time: 0.05 })
  expect(twins.jobs.map(({ start }) => start)).toEqual([0, 0])
})

test('the planner counts what pairs cost, and gives up where nothing fits', async () => {
  const tensors = ['a', 'b', 'c'].map((name) => ({
    name,
    options: [
      { type: 'F16', bytes: 100, cost: 0 },
      { type: 'Q4', bytes: 30, cost: 1 },
    ],
  }))
  // a and b change the model in the same way, c against them and a little more: a and c, or b and c, are the best to cut.
  const sketches: Record<string, number[]> = { a: [1, 0], b: [1, 0], c: [-1, 0.5] }
  const planner = pairwisePlanner({
    time: 0.05,
    sketch: (name, type) => (type === 'F16' ? undefined : Float32Array.from(sketches[name]!)),
  })
  const choice = await planner({ tensors, budget: 160 })
  expect(choice![2]).toBe(1)
  expect(choice![0]! + choice![1]!).toBe(1)
  expect(await planner({ tensors, budget: 89 })).toBeUndefined()
})

test('half the square of a sketch is about the divergence, also of changes that add up', () => {
  const [positions, vocabulary] = [40, 50]
  const draw = uniformNumbers(3)
  const logits = Float32Array.from({ length: positions * vocabulary }, () => 4 * draw())
  const change = (size: number) => Float32Array.from(logits, () => size * (draw() - 0.5))
  const [one, other] = [change(0.3), change(0.2)]
  const base = normalised(logits, vocabulary)
  const sketchOf = (delta: Float32Array) =>
    logitSketch(
      base,
      normalised(
        logits.map((value, k) => value + delta[k]!),
        vocabulary,
      ),
      vocabulary,
    )
  const both = one.map((value, k) => value + other[k]!)
  const { groups, pairs } = bitsProblem(
    { tensors: ['a', 'b'].map((name) => ({ name, options: [{ type: 'x', bytes: 1, cost: 0 }] })), budget: 2 },
    { sketch: (name) => sketchOf(name === 'a' ? one : other), interactionsFrom: 0 },
  )
  const predicted = objectiveOf({ groups, pairs }, [0, 0])
  const real = meanDivergence(
    base,
    normalised(
      logits.map((value, k) => value + both[k]!),
      vocabulary,
    ),
    vocabulary,
  )
  expect(predicted / real).toBeGreaterThan(0.85)
  expect(predicted / real).toBeLessThan(1.15)
})

function normalised(logits: Float32Array, vocabulary: number): Float32Array {
  const out = logits.slice()
  for (let from = 0; from < out.length; from += vocabulary) {
    const row = out.subarray(from, from + vocabulary)
    const total = Math.log(row.reduce((sum, value) => sum + Math.exp(value), 0))
    row.forEach((value, k) => {
      row[k] = value - total
    })
  }
  return out
}
