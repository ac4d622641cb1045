import { expect, test } from 'vitest'
import { slurmMemory, slurmSeconds } from './slurm-values.js'

test.each([
  ['90', 5400],
  ['1:30', 90],
  ['12:00:00', 43_200],
  ['2-12', 216_000],
  ['1-00:30', 88_200],
  ['1-02:03:04', 93_784],
])('a limit of %s is %d seconds', (text, seconds) => {
  expect(slurmSeconds(text)).toBe(seconds)
})

test.each(['', '0', '0:00', '12h', '1:2:3:4', '-5', '1-', '1.5', '12:00:00\n#SBATCH --x'])('%j is no time', (text) => {
  expect(() => slurmSeconds(text)).toThrow(expect.objectContaining({ code: 'SUBMIT_BAD_VALUE', where: { field: 'time' } }))
})

test.each([
  ['32G', '32G'],
  ['500m', '500M'],
  ['64GB', '64G'],
  ['2TiB', '2T'],
])('%s of memory is %s for Slurm', (text, said) => {
  expect(slurmMemory(text)).toBe(said)
})

test.each(['32', '0G', '1.5G', 'G', '32 G', 'lots'])('%j is no memory', (text) => {
  expect(() => slurmMemory(text)).toThrow(expect.objectContaining({ code: 'SUBMIT_BAD_VALUE', where: { field: 'mem' } }))
})
