import type { StepEvent } from '@qt/core'
import { expect, test } from 'vitest'
import type { Io } from '../io.js'
import { pipelineProgress } from './pipeline-progress.js'
import { status } from './status.js'
import { timeLeft } from './time-left.js'
import { trainProgress } from './train-progress.js'
import { bytesText, countText, durationText, fields, numbers } from './units.js'

function recorder(terminal: boolean): { io: Io; text: () => string } {
  let text = ''
  const io: Io = {
    json: false,
    terminal,
    color: false,
    out: () => {},
    document: () => {},
    note: (piece) => {
      text += piece
    },
    input: async () => '',
  }
  return { io, text: () => text }
}
const step = (number: number): StepEvent => ({
  type: 'step',
  time: '2026-01-01T00:00:00Z',
  step: number,
  epoch: number / 8,
  loss: 2.5,
  gradNorm: 1,
  learningRate: 1e-4,
  tokens: 10,
  tokensPerSecond: 335.4,
  memory: 2.6 * 2 ** 30,
})

test('units read well', () => {
  expect([0, 1023, 1536, 2.6 * 2 ** 30].map(bytesText)).toEqual(['0 bytes', '1023 bytes', '1.5 KiB', '2.6 GiB'])
  expect([4.2, 65, 3725].map(durationText)).toEqual(['4s', '1m05s', '1h02m'])
  expect([12, 8200, 134_515_008].map(countText)).toEqual(['12', '8.2 k', '134.5 M'])
  expect(
    fields([
      ['a', 'long'],
      ['bcd', 'x'],
    ]),
  ).toBe('a    long\nbcd  x\n')
  expect(
    numbers([
      ['a', '100'],
      ['bcd', '2'],
    ]),
  ).toBe('a    100\nbcd    2\n')
})

test('draws loss, speed, memory and time left in place on a terminal', () => {
  const { io, text } = recorder(true)
  let now = 0
  const show = trainProgress(
    status(io, () => now),
    () => now,
  )
  show({ type: 'start', time: '', config: {}, plan: [], versions: {}, steps: 10 })
  show(step(1))
  now = 10_000
  show(step(2))
  expect(text()).toBe(
    '\r\u001b[2Kstep 1/10  ██░░░░░░░░░░░░░░░░░░  loss 2.5000  335 tokens/s  2.6 GiB' +
      '\r\u001b[2Kstep 2/10  ████░░░░░░░░░░░░░░░░  loss 2.5000  335 tokens/s  2.6 GiB  1m20s left',
  )
})

test('prints plain lines elsewhere: now and then, and the last in any case', () => {
  const { io, text } = recorder(false)
  let now = 0
  const line = status(io, () => now)
  const show = trainProgress(line, () => now)
  for (let i = 1; i <= 8; i++) {
    show(step(i))
    now += 1000
  }
  show({ type: 'validation', time: '', step: 8, loss: 2, perplexity: 7.389, tokenAccuracy: 0.5 })
  line.end()
  const lines = text().trimEnd().split('\n')
  expect(lines.map((one) => one.slice(0, 12))).toEqual(['step 1  epoc', 'step 6  epoc', 'validation a', 'step 8  epoc'])
  expect(text()).not.toContain('\u001b')
})

test('time left goes by the latest pace, and is not guessed before there is one', () => {
  let now = 0
  const left = timeLeft(() => now)
  // Kept from an earlier run: a thousand in no time.
  for (let done = 1; done <= 1000; done += 333) expect(left.text(done, 1100)).toBe('')
  for (let done = 1001; done <= 1050; done++) {
    now += 2000
    left.text(done, 1100)
  }
  now += 2000
  expect(left.text(1051, 1100)).toBe('  1m38s left')
  left.reset()
  expect(left.text(0, 2)).toBe('')
  expect(left.text(2, 2)).toBe('')
})

test('a pipeline draws a bar and the time left for a download and for every stage that counts', () => {
  const { io, text } = recorder(true)
  let now = 0
  const line = status(io, () => now)
  const show = pipelineProgress(line, () => now)
  show({ type: 'download', file: 'model.gguf', done: 2 ** 20, total: 4 * 2 ** 20 })
  now += 1000
  show({ type: 'download', file: 'model.gguf', done: 2 * 2 ** 20, total: 4 * 2 ** 20 })
  show({ type: 'stage', stage: 'evaluate', state: 'start', number: 7, of: 8 })
  show({ type: 'progress', stage: 'evaluate', text: 'base', done: 1, total: 4 })
  now += 5000
  show({ type: 'progress', stage: 'evaluate', text: 'base', done: 2, total: 4 })
  show({ type: 'stage', stage: 'evaluate', state: 'done', number: 7, of: 8, seconds: 6, summary: 'done' })
  line.end()
  expect(text().split('\r\u001b[2K').slice(1)).toEqual([
    'downloading model.gguf  1.0 MiB of 4.0 MiB  █████░░░░░░░░░░░░░░░',
    'downloading model.gguf  2.0 MiB of 4.0 MiB  ██████████░░░░░░░░░░  2s left',
    '[7/8] evaluate\n',
    '  1/4  █████░░░░░░░░░░░░░░░  base',
    '  2/4  ██████████░░░░░░░░░░  10s left  base',
    '[7/8] evaluate  6s  done\n',
  ])
})
