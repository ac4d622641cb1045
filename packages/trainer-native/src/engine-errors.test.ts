import { expect, test } from 'vitest'
import { engineErrors } from './engine-errors.js'

const actionsFor = async (error: Error) => {
  const refused: unknown = await engineErrors(() => Promise.reject(error)).catch((found: unknown) => found)
  expect(refused).toMatchObject({ code: 'ENGINE_FAILED' })
  return JSON.stringify(refused)
}

test('who finds no memory on a GPU is told how to go on, and others are not', async () => {
  const full = Object.assign(new Error('no memory left'), { name: 'OutOfMemoryError' })
  expect(await actionsFor(full)).toMatch(/nvidia-smi.*--resume/)
  expect(await actionsFor(new Error('something else'))).not.toContain('nvidia-smi')
})

test('where the connection between processes fails, nobody is advised to use less memory', async () => {
  const broken = Object.assign(new Error('rank 1 sends 80 bytes where 100 are waited for'), { name: 'TransportError' })
  const told: unknown = await engineErrors(() => Promise.reject(broken)).catch((found: unknown) => found)
  expect(told).toMatchObject({ code: 'JOB_BROKEN', message: expect.stringContaining('rank 1 sends 80 bytes') })
  expect(JSON.stringify(told)).toMatch(/network.*--resume/)
  expect(JSON.stringify(told)).not.toMatch(/batchSize|--plan/)
})
