import { expect, test } from 'vitest'
import { parseGpus } from './gpu.js'
import { availableMemory } from './memory.js'
import { featuresOf } from './processor.js'

test('reads the cards of nvidia-smi, its driver and the CUDA it can run', () => {
  const csv = 'NVIDIA GeForce RTX 4060, 8188, 7500, 550.54.14\nNVIDIA H100 80GB HBM3, 81559, 81000, 550.54.14\n'
  const banner = '| NVIDIA-SMI 550.54.14    Driver Version: 550.54.14    CUDA Version: 12.4     |'
  expect(parseGpus(csv, banner)).toEqual({
    gpus: [
      { name: 'NVIDIA GeForce RTX 4060', memory: 8188 * 2 ** 20, free: 7500 * 2 ** 20 },
      { name: 'NVIDIA H100 80GB HBM3', memory: 81559 * 2 ** 20, free: 81000 * 2 ** 20 },
    ],
    driver: { version: '550.54.14', cuda: '12.4' },
  })
})

test('a card that does not say how large it is, and a message instead of a table, are no cards', () => {
  expect(parseGpus('NVIDIA GB10, [N/A], [N/A], 580.1\n').gpus).toEqual([])
  expect(parseGpus('No devices were found\n')).toEqual({ gpus: [], driver: undefined })
})

test('reads the instruction sets of x86 and Arm', () => {
  const x86 = 'processor\t: 0\nflags\t\t: fpu sse4_2 fma avx avx2 avx512f amx_tile rdrand\nprocessor\t: 1\nflags\t\t: fpu\n'
  expect(featuresOf(x86)).toEqual(['sse4_2', 'fma', 'avx', 'avx2', 'avx512f', 'amx_tile'])
  expect(featuresOf('Features\t: fp asimd evtstrm asimddp i8mm\n')).toEqual(['asimd', 'asimddp', 'i8mm'])
  expect(featuresOf('')).toEqual([])
})

test('available memory is what can be had, not what lies unused', () => {
  expect(availableMemory('MemTotal: 100 kB\nMemFree:  1 kB\nMemAvailable:   50 kB\n')).toBe(51200)
  expect(availableMemory('')).toBeUndefined()
})
