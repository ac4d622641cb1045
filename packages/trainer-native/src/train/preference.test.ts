import { expect, test } from 'vitest'
import { dpoPair, orpoPair } from './preference.js'

const slope = (of: (x: number) => number, at: number) => (of(at + 1e-5) - of(at - 1e-5)) / 2e-5

test('a pair that is as the reference has it costs log 2, whatever it is', () => {
  expect(dpoPair([12, 7], [12, 7], 0.3).loss).toBeCloseTo(Math.log(2), 12)
})

test.each([
  [
    [12, 7],
    [11, 9],
  ],
  [
    [3, 60],
    [30, 2],
  ],
  [
    [900, 2],
    [1, 800],
  ],
] as const)('DPO: what tokens add to the loss is its slope: %j against %j', (policy, reference) => {
  const { chosen, rejected } = dpoPair(policy, reference, 0.1)
  expect(chosen).toBeCloseTo(
    slope((x) => dpoPair([x, policy[1]], reference, 0.1).loss, policy[0]),
    6,
  )
  expect(rejected).toBeCloseTo(
    slope((x) => dpoPair([policy[0], x], reference, 0.1).loss, policy[1]),
    6,
  )
})

test.each([
  [
    [12, 7],
    [8, 9],
  ],
  [
    [0.4, 60],
    [5, 20],
  ],
] as const)('ORPO: what tokens add to the loss is its slope: %j over %j tokens', (policy, tokens) => {
  const { chosen, rejected } = orpoPair(policy, tokens, 0.2)
  expect(chosen).toBeCloseTo(
    slope((x) => orpoPair([x, policy[1]], tokens, 0.2).loss, policy[0]),
    6,
  )
  expect(rejected).toBeCloseTo(
    slope((x) => orpoPair([policy[0], x], tokens, 0.2).loss, policy[1]),
    6,
  )
})

test('ORPO stays finite for an answer that is certain', () => {
  expect(Object.values(orpoPair([0, 10], [4, 4], 0.1)).every(Number.isFinite)).toBe(true)
})
