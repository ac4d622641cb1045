import { expect, test } from 'vitest'
import type { Case, Contender } from './case.js'
import { runCase } from './harness.js'
import { median, spread } from './statistics.js'
import { table } from './table.js'

/** A real command that prints one figure. */
const contender = (name: string, figures: number[], order: string[]): Contender => {
  let run = 0
  return {
    name,
    command: [process.execPath, '-e', 'console.log(JSON.stringify({ ok: true }))'],
    parse: ({ stdout }) => {
      expect(JSON.parse(stdout)).toEqual({ ok: true })
      order.push(name)
      return { speed: figures[run++]! }
    },
  }
}

const makeCase = (ours: Case['ours'], peers: Case['peers']): Case => ({
  name: 'sample',
  title: 'a sample',
  conditions: 'Nothing held equal.',
  metrics: [{ key: 'speed', title: 'speed', digits: 0, better: 'higher' }],
  inputs: [],
  ours,
  peers,
})

test('contenders take turns, and another begins each round, the peer the first', async () => {
  const order: string[] = []
  const item = makeCase([contender('ours', [30, 10, 20], order)], [contender('peer', [10, 10, 10], order)])
  const result = await runCase(item, 3, () => {})
  expect(order).toEqual(['peer', 'ours', 'ours', 'peer', 'peer', 'ours'])
  expect(result.results[0]!.medians.speed).toBe(20)
  expect(table(result, item.metrics)).toMatch(/\| ours\s+\| 20 \(2\.00×\)/)
})

test('an absent peer and a failing command are rows of the table', async () => {
  const broken: Contender = { name: 'ours', command: [process.execPath, '-e', 'process.exit(3)'], parse: () => ({}) }
  const item = makeCase([broken], [{ name: 'peer', absent: 'not installed' }])
  const result = await runCase(item, 2, () => {})
  const text = table(result, item.metrics)
  expect(text).toContain('not run: not installed')
  expect(text).toContain('FAILED: exit code 3')
})

test('median and spread', () => {
  expect(median([3, 1, 2])).toBe(2)
  expect(median([4, 1, 2, 3])).toBe(2.5)
  expect(spread([90, 100, 105])).toBeCloseTo(0.1)
})
