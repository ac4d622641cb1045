import { readFile } from 'node:fs/promises'
import { uniform } from '@qt/core'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { allReduce, halfExchange, type Link, ringAllReduce, treeAllReduce } from './exchange.js'
import { dalyInterval, type Reliability, usefulShare, youngInterval } from './failures.js'
import { largestOf } from './largest-of.js'
import { type ScalingInput, scaling } from './scaling.js'
import { scalingTable } from './scaling-table.js'

const link: Link = { bandwidth: 1e9, latency: 1e-5 }

describe('exchanging gradients', () => {
  /** A ring, message by message: when each process has what it needs, and its link is free. */
  function simulatedRing(bytes: number, members: number, { bandwidth, latency }: Link): number {
    let at: number[] = Array.from({ length: members }, () => 0)
    for (let message = 0; message < 2 * (members - 1); message++) {
      const before = at
      at = at.map((mine, i) => Math.max(mine, before[(i + members - 1) % members] ?? 0) + latency + bytes / members / bandwidth)
    }
    return Math.max(...at)
  }

  test.each([1, 2, 3, 8, 100])('a ring of %d takes what its messages take', (members) => {
    expect(ringAllReduce(1e8, members, link)).toBeCloseTo(simulatedRing(1e8, members, link), 10)
  })

  test('large gradients of a thousand cost a ring twice their bytes, and a tree far fewer messages', () => {
    expect(ringAllReduce(1e12, 1000, link)).toBeCloseTo(1.998 * 1000 + 1998e-5, 6)
    expect(treeAllReduce(0, 1000, link)).toBeCloseTo(20e-5, 10)
    expect(ringAllReduce(0, 1000, link)).toBeCloseTo(1998e-5, 10)
  })

  test('machines exchange only parts, and one machine nothing', () => {
    const inside = { bandwidth: 1e15, latency: 0 }
    const two = allReduce(8e9, { processes: 16, perMachine: 8, inside, between: { bandwidth: 1e9, latency: 0 } })
    // Each of eight pairs exchanges an eighth, which on a ring of two is that eighth, there and back.
    expect(two).toBeCloseTo(1, 3)
    expect(allReduce(8e9, { processes: 8, perMachine: 8, inside, between: { bandwidth: 1, latency: 1 } })).toBeLessThan(1e-3)
    const topology = { processes: 64, perMachine: 8, inside: link, between: link }
    expect(2 * halfExchange(1e12, topology)).toBeCloseTo(allReduce(1e12, topology), 3)
  })
})

// Expected largest of n normal numbers (Harter 1961, table 1).
test.each([
  [1, 0],
  [2, 0.5642],
  [10, 1.5388],
  [100, 2.5076],
  [1000, 3.2414],
])('the slowest of %d lies %f deviations above the mean', (count, deviations) => {
  expect(Math.abs(largestOf(count) - deviations)).toBeLessThan(0.03)
})

describe('failures', () => {
  const day: Reliability = { meanTime: 86_400, checkpoint: 60, restart: 300 }

  /** Work, checkpoints and failures one after the other, by chance. */
  function simulated(interval: number, { meanTime, checkpoint, restart }: Reliability, segments: number): number {
    let draw = 0
    const untilFailure = () => -meanTime * Math.log(1 - uniform(7, 'shuffle', 0, draw++))
    let clock = 0
    let next = untilFailure()
    const passes = (seconds: number): boolean => {
      if (next > seconds) {
        next -= seconds
        clock += seconds
        return true
      }
      clock += next
      next = untilFailure()
      return false
    }
    for (let done = 0; done < segments; ) {
      if (passes(interval + checkpoint)) done++
      else while (!passes(restart));
    }
    return (segments * interval) / clock
  }

  test.each([
    ['seldom', day, 3000],
    ['often', { meanTime: 1800, checkpoint: 60, restart: 300 }, 500],
  ] as const)('the share of time that lasts is that of a simulation, where machines fail %s', (_when, reliability, interval) => {
    const share = simulated(interval, reliability, 100_000)
    expect(Math.abs(usefulShare(interval, reliability) - share)).toBeLessThan(0.005)
  })

  test('at Daly’s interval least is lost; Young’s is near it while failures are rare', () => {
    for (const reliability of [day, { meanTime: 3600, checkpoint: 120, restart: 300 }]) {
      const best = dalyInterval(reliability)
      for (const factor of [0.8, 1.25])
        expect(usefulShare(best * factor, reliability)).toBeLessThan(usefulShare(best, reliability))
    }
    expect(youngInterval(day)).toBeCloseTo(Math.sqrt(2 * 60 * 86_400), 6)
    expect(Math.abs(youngInterval(day) / dalyInterval(day) - 1)).toBeLessThan(0.03)
    expect(dalyInterval({ ...day, meanTime: 20 })).toBe(20)
  })
})

describe('scaling', () => {
  const input: ScalingInput = {
    stepSeconds: 1,
    tokensPerStep: 1000,
    trainedParameters: 1e9,
    perMachine: 8,
    inside: { bandwidth: 4e11, latency: 5e-6 },
    between: { bandwidth: 5e10, latency: 1e-5 },
    checkpointBytes: 12e9,
    storage: { perMachine: 1e9, total: 1e10 },
    machineHours: 10_000,
    processes: [1, 8, 64, 1000],
  }

  test('one process that never fails is what was measured', () => {
    const [one] = scaling({ ...input, machineHours: 1e12, processes: [1] })
    expect(one).toMatchObject({ exchange: 0, exposed: 0, waiting: 0, step: 1 })
    expect(one?.efficiency).toBeCloseTo(1, 4)
    expect(one?.tokensPerSecond).toBeCloseTo(1000, 0)
  })

  test('more processes are less efficient and faster', () => {
    const rows = scaling(input)
    for (const [i, row] of rows.entries()) {
      const before = rows[i - 1]
      if (before) expect([row.efficiency < before.efficiency, row.tokensPerSecond > before.tokensPerSecond]).toEqual([true, true])
    }
  })

  test('an exchange hides behind the backward pass as far as it lasts', () => {
    const at = (overlap: number) => scaling({ ...input, between: { bandwidth: 5e8, latency: 0 }, overlap, processes: [64] })[0]
    expect((at(0)?.exposed ?? 0) - (at(0.5)?.exposed ?? 0)).toBeCloseTo(0.5, 10)
    expect(at(0)?.exposed).toBe(at(0)?.exchange)
    expect(at(100)?.exposed).toBe(0)
  })

  test('under ZeRO-2 weights are gathered in the open, and all machines write the checkpoint', () => {
    const [sharded] = scaling({ ...input, sharding: 'zero2', processes: [64] })
    const [whole] = scaling({ ...input, processes: [64] })
    expect(sharded?.exposed).toBeGreaterThan(0)
    expect(whole?.exposed).toBe(0)
    expect(whole?.checkpoint).toBeCloseTo(12, 10)
    expect(sharded?.checkpoint).toBeCloseTo(1.5, 10)
  })
})

const linkSchema = z.object({ bandwidth: z.number(), latency: z.number() })
const inputSchema = z.strictObject({
  stepSeconds: z.number(),
  tokensPerStep: z.number(),
  trainedParameters: z.number(),
  sharding: z.enum(['none', 'zero2']).default('none'),
  perMachine: z.number(),
  inside: linkSchema,
  between: linkSchema,
  spread: z.number().default(0.02),
  checkpointBytes: z.number(),
  storage: z.object({ perMachine: z.number(), total: z.number() }),
  machineHours: z.number(),
  processes: z.array(z.number()),
})

test('every table of docs/scaling.md is what its inputs give', async () => {
  const text = await readFile(new URL('../../../../docs/scaling.md', import.meta.url), 'utf8')
  const found = [...text.matchAll(/```json\n([\s\S]*?)```\n\n((?:\|.*\n)+)/g)]
  expect(found.length).toBeGreaterThan(2)
  for (const [, input, table] of found)
    expect(`${scalingTable(scaling(inputSchema.parse(JSON.parse(input ?? ''))))}\n`).toBe(table)
})
