import { expect, test } from 'vitest'
import { draws } from './draws.js'
import { drawJob } from './job.js'
import { smaller } from './shrink.js'

test('the same seed draws the same jobs, which a line of JSON holds', () => {
  for (let number = 0; number < 50; number++) {
    const job = drawJob(draws(7, number))
    expect(drawJob(draws(7, number))).toEqual(job)
    expect(JSON.parse(JSON.stringify(job))).toEqual(job)
  }
})

test('a smaller job lacks one thing, until nothing is left to leave out', () => {
  const first = drawJob(draws(7, 3))
  let job = first
  let times = 0
  for (let next = smaller(job).next(); !next.done && times < 200; next = smaller(job).next()) {
    job = next.value
    times++
  }
  expect(times).toBeGreaterThan(10)
  expect(times).toBeLessThan(200)
  expect(Object.keys(job.config)).toEqual(['training'])
})
