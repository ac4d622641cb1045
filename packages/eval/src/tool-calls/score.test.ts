import { describe, expect, test } from 'vitest'
import { tools } from '../../test/tools.js'
import { parseToolCalls } from './parse.js'
import { scoreToolCalls } from './score.js'

const score = (expected: string, actual: string) =>
  scoreToolCalls(parseToolCalls(expected, { tools }), parseToolCalls(actual, { tools }), tools)

describe('a turn is right', () => {
  test.each([
    ['[health: Mira, -4]', '[HEALTH:  mira , −4]'],
    ['[health: Mira, -4]', '[health: Mira, – 4.0]'],
    ['[health: Mira, 4]', '[health: Mira, +4]'],
    ['[roll: 3d6+2]', '[roll: 3D6 + 2]'],
    ['[roll: sleight-of-hand]', '[roll: Sleight‑of—hand]'],
    ['[health: Mira, -4] [health: Bran, -2]', '[health: Bran, -2] [health: Mira, -4]'],
    ['Nothing stirs.', 'The wind howls.'],
  ])('%s as %s', (expected, actual) => expect(score(expected, actual)).toMatchObject({ right: true, verdict: 'right' }))
})

describe('a mistake is named and explained', () => {
  test.each([
    ['[roll: stealth]', 'You are seen.', 'missing', '[roll: stealth] was needed and no call was made.'],
    ['Nothing stirs.', '[roll: stealth]', 'unneeded', '[roll: stealth] was made and no call was needed.'],
    ['[roll: stealth]', '[sneak: yes]', 'unknown tool', '[sneak: yes] names no declared tool.'],
    ['[roll: stealth]', '[begin combat]', 'wrong tool', '[begin combat] was made instead of [roll: stealth].'],
    ['[health: Mira, -4]', '[health: Mira, 4]', 'wrong arguments', '[health: Mira, 4]: amount is "4", expected "-4".'],
    [
      '[health: Mira, -4]',
      '[health: Mira]',
      'wrong arguments',
      '[health: Mira]: amount is missing; [health: Mira, -4] was expected.',
    ],
    [
      '[roll: stealth]',
      '[roll: stealth, Mira]',
      'wrong arguments',
      '[roll: stealth, Mira]: "Mira" is one argument too many; [roll: stealth] was expected.',
    ],
    [
      '[inventory: Mira, +rope]',
      '[inventory: Mira, -rope]',
      'wrong arguments',
      '[inventory: Mira, -rope]: item is "-rope", expected "+rope".',
    ],
    [
      '[roll: stealth]',
      '[roll: stealth] [roll: stealth]',
      'wrong number',
      '1 expected: [roll: stealth]; made: [roll: stealth] [roll: stealth].',
    ],
    [
      '[health: Mira, -4] [begin combat]',
      '[begin combat]',
      'wrong number',
      '2 expected: [health: Mira, -4] [begin combat]; made: [begin combat].',
    ],
  ])('%s answered by %s', (expected, actual, verdict, explanation) => {
    expect(score(expected, actual)).toMatchObject({ right: false, verdict, explanation })
  })
})

test('a call is paired with its equal before another of the same tool', () => {
  const { pairs } = score('[health: Mira, -4] [health: Bran, -2]', '[health: Bran, -2] [health: Mira, -3]')
  expect(pairs.map(({ actual, right }) => [actual?.arguments.join(' '), right])).toEqual([
    ['Mira -3', false],
    ['Bran -2', true],
  ])
})
