import { expect, test } from 'vitest'
import { parseEvent } from './events.js'

test('a line of the log becomes a typed event', () => {
  const line = '{"type":"validation","time":"2026-01-01T00:00:00Z","step":4,"loss":1.5,"perplexity":4.48,"tokenAccuracy":0.6}'
  expect(parseEvent(line)).toMatchObject({ type: 'validation', loss: 1.5 })
})

test.each(['{"type":"step","ti', '', 'null', '[]', '{"type":"quantum","time":"x"}', '{"type":"step"}'])(
  '%j is passed over',
  (line) => {
    expect(parseEvent(line)).toBeUndefined()
  },
)
