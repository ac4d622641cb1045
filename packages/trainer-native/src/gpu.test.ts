import { expect, test } from 'vitest'
import { processesOn } from './gpu.js'

test.each([
  ['cuda', 0, { localSize: 1, devices: 8 }, 1],
  ['cuda', 3, { localSize: 4, devices: 4 }, 1],
  ['cuda', 0, { localSize: 5, devices: 2 }, 3],
  ['cuda', 1, { localSize: 5, devices: 2 }, 2],
  ['cuda:1', 1, { localSize: 3, devices: 2 }, 3],
])('processes on %s (GPU %d) of %j', (device, index, there, expected) => {
  expect(processesOn(device, index, there, undefined)).toBe(expected)
})

test('a launcher that says which GPUs a process sees has given it its own', () => {
  expect(processesOn('cuda', 0, { localSize: 4, devices: 1 }, '0')).toBe(1)
})
