import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startRun } from './run.js'

test('a run is iterated for its events and awaited for its result', async () => {
  const run = startRun<number, string>(async ({ emit }) => {
    emit(1)
    await setTimeout(5)
    emit(2)
    return 'done'
  })
  const seen: number[] = []
  for await (const event of run) seen.push(event)
  expect(seen).toEqual([1, 2])
  expect(await run).toBe('done')
})

test('a failure reaches who iterates and who awaits', async () => {
  const run = startRun<number, string>(async ({ emit }) => {
    emit(1)
    throw new Error('broken')
  })
  const seen: number[] = []
  const iterate = async () => {
    for await (const event of run) seen.push(event)
  }
  await expect(iterate()).rejects.toThrow('broken')
  expect(seen).toEqual([1])
  await expect(run).rejects.toThrow('broken')
})

test('leaving the loop aborts the work', async () => {
  let aborted = false
  const run = startRun<number, void>(async ({ emit, signal }) => {
    emit(1)
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
    aborted = signal.aborted
  })
  for await (const _ of run) break
  await run
  expect(aborted).toBe(true)
})

test("the caller's signal aborts the work", async () => {
  const controller = new AbortController()
  const run = startRun<never, boolean>(
    async ({ signal }) => {
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      return signal.aborted
    },
    { signal: controller.signal },
  )
  await setTimeout(5)
  controller.abort()
  expect(await run).toBe(true)
})
