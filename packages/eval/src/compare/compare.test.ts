import { uniform } from '@qt/core'
import { expect, test, vi } from 'vitest'
import type { Statistics } from '../metric/metric.js'
import type { MetricReport, RunReport } from '../run/report.js'
import { compareRuns, holds } from './compare.js'

// On a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const metric = (name: string, more: Partial<MetricReport> = {}): MetricReport => ({
  name,
  aggregate: 'mean',
  higherIsBetter: true,
  value: 0,
  low: 0,
  high: 0,
  items: 0,
  ...more,
})

/** A run of one suite whose metric has these statistics, item by item. */
const run = (model: string, one: MetricReport, items: readonly Statistics[], more: Partial<RunReport> = {}): RunReport => ({
  format: 'qt-eval-1',
  model,
  modelId: model,
  seed: 1,
  suites: [
    {
      name: 'suite',
      metrics: [one],
      items: items.map((item, i) => ({ id: `q${i}`, scores: { [one.name]: [...item] }, seconds: 1 })),
      total: items.length,
    },
  ],
  tokens: 100,
  seconds: 10,
  peakMemory: 1000,
  ...more,
})

const right = metric('right', { share: true })
const bits = (text: string): Statistics[] => [...text].map((bit) => [Number(bit), 1])

test('a model that gets many more items right is better, the other way round worse', () => {
  const [a, b] = [run('a', right, bits('0'.repeat(20) + '1'.repeat(20))), run('b', right, bits('1'.repeat(40)))]
  const forward = compareRuns(a, b)
  expect(forward).toMatchObject({ verdict: 'better', unpaired: 0 })
  expect(forward.metrics[0]).toMatchObject({ a: 0.5, b: 1, difference: 0.5, mcnemar: { onlyA: 0, onlyB: 20 }, items: 40 })
  // Half an item added to both.
  expect(forward.metrics[0]!.effect).toEqual({ name: 'odds ratio', value: 41 })
  expect(forward.metrics[0]!.low).toBeGreaterThan(0.3)
  const backward = compareRuns(b, a)
  expect(backward.verdict).toBe('worse')
  expect(backward.metrics[0]!.p).toBe(forward.metrics[0]!.p)
  expect(backward.metrics[0]!.low).toBeCloseTo(-forward.metrics[0]!.high, 12)
})

test('a gate goes by the metrics that it names', () => {
  const both = (model: string, bits_: string, worse: string): RunReport => {
    const [first, second] = [run(model, right, bits(bits_)), run(model, metric('part'), bits(worse))]
    const [{ items, metrics }, other] = [first.suites[0]!, second.suites[0]!]
    const merged = items.map((item, i) => ({ ...item, scores: { ...item.scores, ...other.items[i]!.scores } }))
    return { ...first, suites: [{ name: 'suite', metrics: [...metrics, ...other.metrics], items: merged, total: merged.length }] }
  }
  const [a, b] = [both('a', '0'.repeat(30), '1'.repeat(30)), both('b', '1'.repeat(30), '0'.repeat(30))]
  expect(compareRuns(a, b).verdict).toBe('worse')
  expect(compareRuns(a, b, { only: ['suite'] }).verdict).toBe('worse')
  const gate = compareRuns(a, b, { only: ['suite.right'] })
  expect([gate.verdict, gate.metrics.map(({ metric }) => metric)]).toEqual(['better', ['right']])
  expect(gate.metrics[0]!.adjusted).toBe(gate.metrics[0]!.p)
  expect(() => compareRuns(a, b, { only: ['suite.rigth'] })).toThrow(
    expect.objectContaining({
      message: 'Neither run has "suite.rigth".',
      actions: [{ label: 'Did you mean suite.right?' }, expect.anything()],
    }),
  )
})

test('a few items more or less is nothing that can be told', () => {
  const { verdict, metrics } = compareRuns(run('a', right, bits('0011010111')), run('b', right, bits('0111010111')))
  expect([verdict, metrics[0]!.p]).toEqual(['cannot tell', 1])
})

test('perplexity falls: better, because lower is better', () => {
  const one = metric('word_perplexity', { aggregate: 'exp mean', higherIsBetter: false })
  const items = (shift: number) =>
    Array.from({ length: 30 }, (_, i): Statistics => [(5 + uniform(1, 'noise', 0, i) - shift) * 10, 10])
  const { verdict, metrics } = compareRuns(run('a', one, items(0)), run('b', one, items(0.2)))
  expect(verdict).toBe('better')
  expect(metrics[0]!.b / metrics[0]!.a).toBeCloseTo(Math.exp(-0.2), 9)
  expect(metrics[0]!.high).toBeLessThan(0)
  expect(metrics[0]!.p).toBeLessThan(0.001)
})

test('the same answers are not different, whatever the measure', () => {
  for (const aggregate of ['mean', 'exp mean'] as const) {
    const one = metric('m', { aggregate })
    const items: Statistics[] = [
      [1, 2],
      [3, 4],
      [0.5, 1],
    ]
    const { metrics, verdict } = compareRuns(run('a', one, items), run('b', one, items))
    expect([verdict, metrics[0]!.p, metrics[0]!.difference]).toEqual(['cannot tell', 1, 0])
  }
})

test('where there is no difference, about one in twenty comparisons finds one', () => {
  let found = 0
  const trials = 200
  const one = metric('m')
  for (let trial = 0; trial < trials; trial++) {
    const side = (k: number) => Array.from({ length: 15 }, (_, i): Statistics => [uniform(7, 'noise', trial * 2 + k, i), 1])
    if (compareRuns(run('a', one, side(0)), run('b', one, side(1)), { samples: 300 }).verdict !== 'cannot tell') found++
  }
  // 99.9 % of the binomial distribution with 200 trials at 5 %.
  expect(found).toBeGreaterThan(1)
  expect(found).toBeLessThan(22)
})

test('only items that both have are compared; the others are counted', () => {
  const [a, b] = [run('a', right, bits('0101')), run('b', right, bits('010111'))]
  expect(compareRuns(a, b)).toMatchObject({ unpaired: 2, metrics: [{ items: 4, difference: 0 }] })
})

test('speed and memory stand beside, and nothing in common is an error', () => {
  const a = run('a', right, bits('01'))
  expect(compareRuns(a, { ...run('b', right, bits('01')), tokens: 200, peakMemory: 500 })).toMatchObject({
    speed: 2,
    memory: 0.5,
  })
  const other = { ...a, suites: a.suites.map((suite) => ({ ...suite, name: 'other' })) }
  expect(() => compareRuns(a, other)).toThrow(expect.objectContaining({ code: 'EVAL_NOTHING_IN_COMMON' }))
})

test('items that asked something else, or could not be measured, are not compared', () => {
  const a = run('a', right, bits('0101'))
  const other = (change: object) => ({
    ...a,
    suites: a.suites.map((suite) => ({
      ...suite,
      items: suite.items.map((item, i) => (i === 1 ? { ...item, ...change } : item)),
    })),
  })
  expect(compareRuns(other({ expected: 'ice' }), other({ expected: 'fire' }))).toMatchObject({
    unpaired: 2,
    metrics: [{ items: 3 }],
  })
  expect(compareRuns(a, other({ error: 'too long', scores: {} }))).toMatchObject({ unpaired: 2, metrics: [{ items: 3 }] })
})

test('a run that generated nothing has no speed', () => {
  const a = run('a', right, bits('01'))
  expect(compareRuns(a, { ...a, tokens: 0 }).speed).toBeNaN()
})

test('a suite that was not compared, or was stopped in the middle, is named, and does not pass', () => {
  const a = run('a', right, bits('0101'))
  const [suite] = a.suites
  const two = { ...a, suites: [suite!, { ...suite!, name: 'tools' }] }
  const same = compareRuns(two, two)
  expect([same.verdict, same.uncompared, holds(same)]).toEqual(['cannot tell', [], true])
  const lacking = compareRuns(two, a)
  expect([lacking.verdict, lacking.uncompared, holds(lacking)]).toEqual(['cannot tell', ['tools'], false])
  const renamed = { ...suite!, name: 'tools', items: suite!.items.map((item) => ({ ...item, id: `/elsewhere/${item.id}` })) }
  expect(compareRuns(two, { ...a, suites: [suite!, renamed] }).uncompared).toEqual(['tools'])
  const stopped = { ...a, stopped: 'the limit of 1 tokens', suites: [{ ...suite!, items: suite!.items.slice(0, 1) }] }
  expect(compareRuns(a, stopped).uncompared).toEqual(['suite'])
  expect(compareRuns(stopped, stopped).uncompared).toEqual([])
  expect(holds(compareRuns(run('a', right, bits('1'.repeat(20))), run('b', right, bits('0'.repeat(20)))))).toBe(false)
})
