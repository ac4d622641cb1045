import { expect, test } from 'vitest'
import { isOutOfMemory } from '../engine-errors.js'
import { leaveToWhoLacks, requireRoom, WantOfMemory } from './want-of-memory.js'

const teamThatSays = (...said: string[]) => ({ size: said.length, gatherText: async () => said })
const thrownBy = (work: Promise<void>) => work.catch((error: unknown) => error)

test('want of memory of one process is thrown by all, with its rank', async () => {
  const error = await thrownBy(requireRoom('', teamThatSays('', 'the GPU has no memory left', 'nor has this one')))
  expect(error).toBeInstanceOf(WantOfMemory)
  expect(error).toMatchObject({ rank: 1, message: 'rank 1: the GPU has no memory left' })
  expect(isOutOfMemory(error)).toBe(true)
})

test('a process that is alone is not named, and nothing is thrown where nobody lacks any', async () => {
  expect(await thrownBy(requireRoom('full', teamThatSays('full')))).toMatchObject({ rank: 0, message: 'full' })
  expect(await thrownBy(requireRoom('', teamThatSays('', '')))).toBeUndefined()
})

test('those that lack nothing wait for the end that whoever does makes of it', async () => {
  const ended = new Error('rank 1 has ended the job')
  const team = { rank: 0, size: 2, gather: () => Promise.reject(ended) }
  const lack = new WantOfMemory('full', 1, team)
  expect(await thrownBy(leaveToWhoLacks(lack, team))).toBe(ended)
  expect(await thrownBy(leaveToWhoLacks(lack, { ...team, rank: 1 }))).toBeUndefined()
  expect(await thrownBy(leaveToWhoLacks(new Error('another'), team))).toBeUndefined()
})
