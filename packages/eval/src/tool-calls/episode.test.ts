import type { ChatMessage, Prompt } from '@qt/core'
import { describe, expect, test, vi } from 'vitest'
import { scriptedModel } from '../../test/scripted-model.js'
import { runSuites } from '../run/run-suites.js'
import { applyCall, type GameState, sameState } from './game-state.js'
import { checkNumbers, numbersIn } from './numbers.js'
import { parseToolCalls } from './parse.js'
import { toolRegressions } from './tool-suites.js'

// On a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const tools = ['roll', 'health', 'inventory', 'begin combat', 'end combat'].map((name) => ({ name }))

describe('numbers that a text says', () => {
  test.each([
    ['Mira is down to eight, not 12.', [8, 12]],
    ['Twenty-one arrows and 1,000 gold', [21, 1000]],
    ['[health: Mira, -4] She has −4.5 left', [-4.5]],
    ['Roll 2d6, room 3b', []],
    ['Between 3-5 rats, someone attends', [3, 5]],
  ])('%s', (text, numbers) => expect(numbersIn(text)).toEqual(numbers))

  test('what has to be said, and what must not', () => {
    expect(checkNumbers('She has eight.', { says: [8], never: [12] }).right).toBe(true)
    expect(checkNumbers('She had 12 and has 8.', { says: [8], never: [12] }).explanation).toBe(
      '12 is said, which is not so any more.',
    )
    expect(checkNumbers('She lives.', { says: [8] }).explanation).toBe('8 is not said.')
  })
})

test('calls change the state as a game does', () => {
  const start: GameState = { health: { Mira: 12 }, inventory: { Mira: ['Rope'] }, combat: false }
  const play = (text: string) => parseToolCalls(text).reduce<GameState>((state, call) => applyCall(state, call).state, start)
  expect(play('[health: mira, −4] [health: Mira, 1]').health).toEqual({ Mira: 9 })
  expect(play('[health: Mira, -99]').health).toEqual({ Mira: 0 })
  expect(
    sameState(play('[inventory: Mira, +torch] [inventory: Mira, -rope]'), { ...start, inventory: { Mira: ['torch'] } }),
  ).toBe(true)
  expect(applyCall(start, { name: 'inventory', arguments: ['Mira', '-lute'] }).result).toBe('error: Mira has no lute')
  expect(applyCall(start, { name: 'health', arguments: ['Nobody', '-1'] }).result).toMatch(/^error/)
  expect(applyCall(start, { name: 'health', arguments: ['constructor', '-1'] }).result).toMatch(/^error/)
  expect(applyCall(start, { name: 'inventory', arguments: ['constructor', '+rope'] }).result).toBe('constructor: rope')
})

/** Does in each episode what is expected, by what was said; after a result it says the result. */
const master = (calls: ReadonlyMap<string, string>, after: (result: string) => string) =>
  scriptedModel(({ content }: ChatMessage) => (content.includes('→') ? after(content) : (calls.get(content) ?? 'Well.')))

/** What the episodes that ship expect, by what is said. */
async function expectedCalls(): Promise<Map<string, string>> {
  const suite = await toolRegressions({ tools })
  const calls = new Map<string, string>()
  const spy = { ...scriptedModel(() => ''), generate: async (_: Prompt) => ({ text: '', tokens: 1, why: 'end' as const }) }
  for (const { expected = '' } of await Promise.all(suite.items.map((item) => item.measure(spy, { seed: 1 }))))
    for (const line of expected.split('\n')) {
      const [say, call = ''] = line.split(' → ')
      calls.set(say!, call === 'no call' ? 'As you say.' : call)
    }
  return calls
}

test('who does everything right passes the episodes that ship; who says old numbers does not', async () => {
  const calls = await expectedCalls()
  calls.set('How much health does Mira have now?', 'Twelve.')
  const suite = await toolRegressions({ tools })
  const told = (result: string) =>
    result
      .split('\n')
      .map((line) => line.split('→')[1])
      .join(' and ')
  const good = await runSuites(master(calls, told), [suite])
  const value = (report: typeof good, name: string) => report.suites[0]!.metrics.find((metric) => metric.name === name)!.value
  expect(good.suites[0]!.items.filter(({ right }) => !right).map(({ explanation }) => explanation)).toEqual([])
  expect(
    ['right', 'calls', 'state', 'numbers', 'tool health', 'tool roll', 'tool begin combat'].map((name) => value(good, name)),
  ).toEqual(new Array(7).fill(1))
  const careless = await runSuites(
    master(calls, () => 'It hurts.'),
    [suite],
  )
  expect([value(careless, 'calls'), value(careless, 'state'), value(careless, 'invented')]).toEqual([1, 1, 0])
  expect(value(careless, 'numbers')).toBeLessThan(0.2)
  const wrong = await runSuites(master(new Map([...calls].map(([say, call]) => [say, call.replace('-4', '4')])), told), [suite])
  expect(value(wrong, 'state')).toBeLessThan(1)
  expect(wrong.suites[0]!.items.find(({ id }) => id === 'health-one-blow')!.explanation).toContain(
    'In the end: Mira has 16 health. It should be: Mira has 8 health.',
  )
})

test('an episode whose tool is not declared is refused', async () => {
  await expect(toolRegressions({ tools: [{ name: 'roll' }] })).rejects.toMatchObject({ code: 'EVAL_EPISODES_INVALID' })
  await expect(toolRegressions({ tools, file: '/nowhere.yaml' })).rejects.toMatchObject({ code: 'EVAL_EPISODES_INVALID' })
})
