import { expect, test } from 'vitest'
import { earlyStopping } from './early-stopping.js'

const fresh = { best: null, since: 0 }
const config = { metric: 'loss', patience: 2, minDelta: 0.1 } as const

test('stops after so many losses that were not better by the least difference', () => {
  const patience = earlyStopping(config, fresh)
  const stopped = [3, 2.95, 2.8, 2.75, 2.72].map((loss) => {
    patience.add(loss)
    return patience.exhausted()
  })
  expect(stopped).toEqual([false, false, false, false, true])
})

test('goes on from its state', () => {
  const first = earlyStopping(config, fresh)
  first.add(1)
  first.add(1)
  const second = earlyStopping(config, first.state())
  second.add(1)
  expect(second.exhausted()).toBe(true)
})

test('never stops when it is off', () => {
  const off = earlyStopping(null, fresh)
  for (let i = 0; i < 100; i++) off.add(i)
  expect(off.exhausted()).toBe(false)
})
