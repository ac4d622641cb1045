import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { energyOf, type Model, model, readSolution, solve, sum } from '../src/index.js'
import { reduceOrder } from '../src/model/reduce-order.js'
import { uniformNumbers } from '../src/solvers/uniform-numbers.js'

// A busy machine.
vi.setConfig({ testTimeout: 120_000 })

test('a knapsack is packed as well as brute force packs it, and reads back', async () => {
  const [values, weights, room] = [[5, 4, 3, 6, 7, 2], [2, 3, 1, 4, 5, 1], 8]
  const m = model()
  const take = m.binaries('take', 6)
  m.maximise(sum(take.map((x, i) => x.times(values[i]!))))
  const load = sum(take.map((x, i) => x.times(weights[i]!)))
  m.subjectTo(load.le(room), { label: 'weight' })
  const best = await solve(m, { seed: 1 })
  let most = 0
  for (let s = 0; s < 64; s++) {
    const bits = take.map((_, i) => (s >> i) & 1)
    if (bits.reduce((w, bit, i) => w + bit * weights[i]!, 0) <= room)
      most = Math.max(
        most,
        bits.reduce((v, bit, i) => v + bit * values[i]!, 0),
      )
  }
  expect([best.feasible, best.objective, best.value(load) <= room]).toEqual([true, -most, true])
})

test('integers, choices, spins and products of many variables mean what they say', async () => {
  const m = model()
  const n = m.integer('n', 3, 12)
  const color = m.choice('color', ['red', 'green', 'blue'])
  const [s, t] = [m.spin('s'), m.spin('t')]
  const bits = m.binaries('b', 4)
  m.minimise(n.minus(7).squared())
  m.minimise(color.map((value) => ['blue', '', 'red'].indexOf(value)))
  m.minimise(s.times(t).plus(s))
  m.minimise(bits.reduce((product, bit) => product.times(bit), sum([-3])).plus(sum(bits)))
  const best = await solve(m, { seed: 1 })
  expect(best.feasible).toBe(true)
  expect([best.value(n), best.value(color.is('green')), best.value(s), best.value(t)]).toEqual([7, 1, -1, 1])
  expect(best.objective).toBe(0 - 1 + (-1 - 1) + Math.min(0, -3 + 4))
})

test('a lesser weight is made heavier until the constraint holds', async () => {
  const m = model()
  const x = m.binaries('x', 5)
  // Pairs gain a lot together, so that one flip's bound is not enough for three at once.
  m.minimise(sum(x.flatMap((a, i) => x.slice(i + 1).map((b) => a.times(b).times(-10)))))
  m.subjectTo(sum(x).le(2))
  const best = await solve(m, { seed: 1 })
  expect([best.feasible, best.objective]).toEqual([true, -10])
})

test('what is broken is named, with the amount', () => {
  const m = model()
  const x = m.binaries('x', 3)
  m.subjectTo(sum(x).eq(1), { label: 'one of three' })
  m.subjectTo(x[0]!.plus(x[1]!).ge(1), { label: 'at least one' })
  const compiled = m.compile()
  const { feasible, broken } = readSolution(compiled, new Uint8Array(compiled.qubo.size).fill(1))
  expect([feasible, broken]).toEqual([false, [{ label: 'one of three', violation: 2 }]])
})

test('penalties are 0 exactly where a constraint holds, whatever the slack can do', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: -4, max: 4 }), { minLength: 1, maxLength: 4 }),
      fc.integer({ min: -4, max: 6 }),
      fc.constantFrom('le', 'ge', 'eq'),
      (weights, bound, relation) => {
        const m = model()
        const x = m.binaries('x', weights.length)
        const expression = sum(x.map((bit, i) => bit.times(weights[i]!)))
        m.subjectTo(relation === 'le' ? expression.le(bound) : relation === 'ge' ? expression.ge(bound) : expression.eq(bound), {
          weight: 1,
        })
        let compiled: ReturnType<typeof m.compile>
        try {
          compiled = m.compile()
        } catch (error) {
          expect(error).toMatchObject({ code: 'QUBO_IMPOSSIBLE' })
          return
        }
        const { qubo } = compiled
        const least = new Map<number, number>()
        for (let state = 0; state < 2 ** qubo.size; state++) {
          const bits = Uint8Array.from({ length: qubo.size }, (_, i) => (state >> i) & 1)
          const own = state % 2 ** weights.length
          least.set(own, Math.min(least.get(own) ?? Number.POSITIVE_INFINITY, energyOf(qubo, bits)))
        }
        for (const [own, penalty] of least) {
          const amount = weights.reduce((total, weight, i) => total + weight * ((own >> i) & 1), 0)
          const holds = relation === 'le' ? amount <= bound : relation === 'ge' ? amount >= bound : amount === bound
          if (holds) expect(penalty).toBeCloseTo(0, 9)
          else expect(penalty).toBeGreaterThan(0.99)
        }
      },
    ),
    { examples: [[[0], 0, 'eq']] },
  )
})

test('reduced to two at a time, a polynomial keeps its least value for every choice of the first bits', () => {
  const monomial = fc.record({
    bits: fc.uniqueArray(fc.nat(4), { minLength: 1, maxLength: 5 }),
    coefficient: fc.integer({ min: -5, max: 5 }),
  })
  fc.assert(
    fc.property(fc.array(monomial, { maxLength: 4 }), (monomials) => {
      const sorted = monomials
        .filter(({ coefficient }) => coefficient !== 0)
        .map(({ bits, coefficient }) => ({ bits: bits.sort((a, b) => a - b), coefficient }))
      const { terms, added } = reduceOrder(sorted, 5)
      if (added.length > 9) return
      const value = (list: readonly { bits: readonly number[]; coefficient: number }[], state: number) =>
        list.reduce((total, { bits, coefficient }) => total + (bits.every((bit) => (state >> bit) & 1) ? coefficient : 0), 0)
      for (let state = 0; state < 32; state++) {
        let least = Number.POSITIVE_INFINITY
        for (let more = 0; more < 2 ** added.length; more++) least = Math.min(least, value(terms, state + 32 * more))
        expect(least).toBe(value(sorted, state))
      }
    }),
  )
})

/** Gains of 0 to 1, weights in bytes. */
function backpack(relation: 'le' | 'eq' = 'le') {
  const draw = uniformNumbers(3)
  const m = model()
  const x = m.binaries('x', 40)
  const weights = x.map(() => Math.round(1e6 * draw()))
  const gains = x.map(() => draw())
  m.maximise(sum(x.map((bit, i) => bit.times(gains[i]!))))
  const load = sum(x.map((bit, i) => bit.times(weights[i]!)))
  m.subjectTo(relation === 'le' ? load.le(5e6) : load.eq(weights[0]! + weights[1]!), { label: 'load' })
  let [room, greedy] = [5e6, 0]
  for (const i of [...x.keys()].sort((a, b) => gains[b]! / weights[b]! - gains[a]! / weights[a]!))
    if (weights[i]! <= room) {
      room -= weights[i]!
      greedy += gains[i]!
    }
  return { m, greedy }
}

test('weights in bytes do not hide gains of 1', async () => {
  const { m, greedy } = backpack()
  for (const work of [{ sweeps: 300, reads: 32 }, { time: 2 }]) {
    const { objective, feasible } = await solve(m, { ...work, seed: 1 })
    expect([feasible, -objective > 0.9 * greedy]).toEqual([true, true])
  }
})

test('what fulfils a slack in coarser units fulfils the constraint, and is not called proven', async () => {
  const { m } = backpack()
  const compiled = m.compile({ coarse: true })
  expect([compiled.rounded, m.compile().rounded]).toEqual([true, false])
  const { solution } = await solve(compiled.qubo, { sweeps: 300, reads: 32 })
  expect(readSolution(compiled, solution).feasible).toBe(true)
})

test('a penalty that hides the objective is warned of, by its name', async () => {
  const { m } = backpack('eq')
  const { warnings } = await solve(m, { sweeps: 1 })
  expect(warnings).toEqual([expect.stringContaining('"load"')])
})

test('the last weight is heavy enough for any model', async () => {
  const m = model()
  const [z, y] = [m.binaries('z', 60), m.binary('y')]
  m.minimise(sum(z))
  m.subjectTo(sum([...z.map((bit) => bit.times(2)), y.times(119)]).eq(120))
  const { feasible, objective } = await solve(m, { time: 2, seed: 1 })
  expect([feasible, objective]).toEqual([true, 60])
})

test('a time limit is that of all weights together', async () => {
  const m = model()
  const x = m.binaries('x', 70)
  m.subjectTo(sum(x).eq(20))
  m.subjectTo(sum(x).eq(21))
  m.minimise(sum(x.map((bit, i) => bit.times(x[(7 * i + 3) % 70]!).times((i % 5) - 2))))
  const started = performance.now()
  const { seconds, feasible } = await solve(m, { time: 2 })
  const taken = (performance.now() - started) / 1000
  expect(feasible).toBe(false)
  // Four times the limit would be 8; the rest is what a busy machine takes.
  expect(taken).toBeLessThan(5)
  expect(seconds).toBeGreaterThan(0.9 * taken)
})

test.each([1e-8, 1e-10, 1, 1e7])('constraints may have coefficients of %d', async (unit) => {
  const m = model()
  const x = m.binaries('x', 3)
  m.minimise(sum(x.map((bit, i) => bit.times(i + 1))))
  m.subjectTo(sum(x.map((bit) => bit.times(unit))).eq(unit))
  m.subjectTo(sum([x[0]!.times(2 * unit), x[1]!.times(3 * unit)]).le(2.5 * unit))
  const { feasible, objective } = await solve(m, { sweeps: 100 })
  expect([feasible, objective]).toEqual([true, 1])
  const none = readSolution(m.compile(), new Uint8Array(m.compile().qubo.size))
  expect(none.feasible).toBe(false)
})

test('a slack has a name of its own', () => {
  const m = model()
  const x = m.binaries('x', 3)
  m.binary('w.slack0')
  m.subjectTo(sum(x).le(2), { label: 'w' })
  const { labels } = m.compile().qubo
  expect(new Set(labels).size).toBe(labels!.length)
})

test.each([
  ['a name twice', (m: Model) => [m.binary('a'), m.binary('a')], 'QUBO_LABEL'],
  ['a variable of another model', (m: Model) => m.minimise(model().binary('a')), 'QUBO_NO_VARIABLE'],
  ['an empty range', (m: Model) => m.integer('n', 3, 2), 'QUBO_RANGE'],
  ['a weight of nothing', (m: Model) => m.subjectTo(m.binary('a').eq(1), { weight: 0 }), 'QUBO_WEIGHT'],
  ['no number', (m: Model) => m.minimise(m.binary('a').plus(Number.NaN)), 'QUBO_NOT_FINITE'],
  ['what cannot hold', (m: Model) => [m.subjectTo(m.binary('a').ge(2)), m.compile()], 'QUBO_IMPOSSIBLE'],
  [
    'slack without a unit',
    (m: Model) => [m.subjectTo(m.binary('a').times(Math.PI).plus(m.binary('b')).le(2)), m.compile()],
    'QUBO_SLACK',
  ],
])('refuses %s', (_, say, code) => {
  expect(() => say(model())).toThrow(expect.objectContaining({ code }))
})

test('terms that are added one by one are the sum of them, and one that is refused leaves nothing behind', () => {
  const [m, summed] = [model(), model()]
  const [x, y] = [m.binaries('x', 3), summed.binaries('x', 3)]
  for (const [i, j] of [
    [0, 1],
    [1, 2],
    [2, 0],
    [1, 1],
  ] as const)
    m.minimise(x[i]!.times(x[j]!).times(i + 2 * j + 1))
  m.maximise(x[0]!.times(x[1]!).times(x[2]!).plus(x[2]!).plus(4))
  const terms = [
    y[0]!.times(y[1]!).times(3),
    y[1]!.times(y[2]!).times(6),
    y[2]!.times(y[0]!).times(3),
    y[1]!.times(y[1]!).times(4),
  ]
  summed.minimise(sum(terms))
  summed.minimise(sum([y[0]!.times(y[1]!).times(y[2]!), y[2]!, 4]).times(-1))
  const before = m.compile()
  expect(before.qubo).toEqual(summed.compile().qubo)
  const stranger = model().binary('z')
  expect(() => m.minimise(sum([x[0]!.times(x[1]!), x[0]!.times(stranger)]))).toThrow('another model')
  expect(m.compile().qubo).toEqual(before.qubo)
  // What was compiled does not change with what is added later.
  const value = before.objective.evaluate(() => 1)
  m.minimise(x[0]!.times(x[1]!).times(100))
  expect(before.objective.evaluate(() => 1)).toBe(value)
})

test('whole numbers are moved as such: from 512 to 511 all bits turn', async () => {
  const m = model()
  const [n, k] = [m.integer('n', 0, 1000), m.integer('k', 0, 1000)]
  m.minimise(n.minus(k).squared().plus(n))
  m.subjectTo(n.plus(k).ge(777))
  for (const seed of [1, 2, 3]) {
    const result = await solve(m, { seed, sweeps: 10 })
    expect([result.feasible, result.objective, result.value(n) - result.value(k)]).toEqual([true, 389, expect.toBeOneOf([0, -1])])
  }
  // Without a constraint, too.
  const free = model()
  const [a, b] = [free.integer('a', -50, 100_000), free.integer('b', -50, 100_000)]
  free.minimise(a.minus(b).squared().times(1000).plus(a.minus(1234).squared()))
  const { value } = await solve(free, { sweeps: 10 })
  expect([value(a), value(b)]).toEqual([1234, 1234])
})

test('the sum of a generator is that of a list', () => {
  const compiled = (listed: boolean) => {
    const m = model()
    const [a, b, c] = [m.binary('a'), m.binary('b'), m.spin('c')]
    const parts = [a.times(b).times(3), 7, b.times(a), c.times(c), c.times(a).times(-2), b, a.times(b).times(c)]
    const total = sum(listed ? parts : parts.values())
    m.minimise(total.times(2).plus(total))
    m.subjectTo(total.squared().le(40))
    return m.compile().qubo
  }
  expect(compiled(false)).toEqual(compiled(true))
})

test('a square is the product of a sum with itself', () => {
  const [whole, product] = [true, false].map((square) => {
    const m = model()
    const total = sum([
      m.binary('a').times(3),
      m.spin('b').times(-2),
      m.binary('c').times(m.binary('d')),
      m.integer('n', -4, 7),
      5,
    ])
    m.minimise(square ? total.squared() : total.times(total))
    return m.compile().qubo
  })
  expect(whole).toEqual(product)
})

test('products of sums, too many to polish, keep to the time and hear an abort', async () => {
  const m = model()
  const total = sum([...Array.from({ length: 200 }, (_, i) => m.integer(`n${i}`, 0, 1000)), -50_000])
  m.minimise(total.squared())
  // Adding two million products up to polish took half a minute; the rest is what a busy machine takes.
  expect((await solve(m, { time: 1 })).seconds).toBeLessThan(6)
  expect((await solve(m, { time: 60, signal: AbortSignal.timeout(100) })).seconds).toBeLessThan(8)
}, 60_000)
