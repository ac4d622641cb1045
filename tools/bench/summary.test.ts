import { expect, test } from 'vitest'
import type { Metric } from './case.js'
import type { ContenderResult } from './harness.js'
import { summary } from './summary.js'

const metrics: readonly [Metric, Metric] = [
  { key: 'seconds', title: 'seconds', digits: 1, better: 'lower' },
  { key: 'same', title: '% same', digits: 0, better: 'higher' },
]
const contender = (name: string, side: 'ours' | 'peer', medians: Record<string, number>): ContenderResult => ({
  name,
  side,
  runs: [],
  medians,
  spread: 0,
})
const of = (name: string, results: ContenderResult[]) => ({
  metrics,
  result: { name, title: '', conditions: '', rounds: 5, results },
})

test('says how many times better ours is than the best peer', () => {
  const fast = of('fast', [
    contender('qt', 'ours', { seconds: 2, same: 100 }),
    contender('a', 'peer', { seconds: 9 }),
    contender('b', 'peer', { seconds: 8 }),
  ])
  const alone = of('alone', [contender('qt', 'ours', { seconds: 2 })])
  expect(summary([fast, alone]).split('\n')).toEqual([
    '| case | seconds, ours | best peer | times better | % same |',
    '| --- | --- | --- | --- | --- |',
    '| fast | 2.0 | 8.0 | 4.00 | 100 |',
    '| alone | 2.0 | – | – | – |',
  ])
})

test('says the bar where there is one', () => {
  const fast = of('fast', [contender('qt', 'ours', { seconds: 2, same: 100 }), contender('a', 'peer', { seconds: 9 })])
  const free = of('free', [contender('qt', 'ours', { seconds: 2 })])
  expect(summary([{ ...fast, bar: 2.5 }, free]).split('\n')).toEqual([
    '| case | seconds, ours | best peer | times better | bar | % same |',
    '| --- | --- | --- | --- | --- | --- |',
    '| fast | 2.0 | 9.0 | 4.50 | 2.5 | 100 |',
    '| free | 2.0 | – | – | – | – |',
  ])
})
