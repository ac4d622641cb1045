import { expect, test } from 'vitest'
import { launchOf, threadsOf } from './launch.js'

const torch = { RANK: '3', WORLD_SIZE: '8', MASTER_ADDR: 'first', MASTER_PORT: '29500', LOCAL_RANK: '1', LOCAL_WORLD_SIZE: '2' }

test('a process that nothing started as part of a job is alone', () => {
  expect(launchOf({})).toBeUndefined()
  // As in a batch script, before any srun.
  expect(launchOf({ SLURM_PROCID: '0', SLURM_NTASKS: '4' })).toBeUndefined()
  expect(launchOf({ ...torch, RANK: '0', WORLD_SIZE: '1' })).toBeUndefined()
  expect(launchOf({ ...torch, RANK: '0', WORLD_SIZE: '1', MASTER_ADDR: '', MASTER_PORT: '65536' })).toBeUndefined()
  expect(launchOf({ WORLD_SIZE: '1' })).toBeUndefined()
  expect(launchOf({ RANK: '1', MASTER_ADDR: 'first', MASTER_PORT: '29500' })).toBeUndefined()
})

test('the variables of torchrun, whose own store has the port already', () => {
  const found = { kind: 'tcp', rank: 3, size: 8, localSize: 2, localRank: 1, bound: false, host: 'first', port: 29500 }
  expect(launchOf(torch)).toEqual(found)
  expect(launchOf({ ...torch, TORCHELASTIC_USE_AGENT_STORE: 'True' })).toEqual({ ...found, port: 29501 })
  expect(launchOf({ ...torch, MASTER_PORT: '65535' })).toEqual({ ...found, port: 65535 })
  expect(() => launchOf({ ...torch, MASTER_PORT: '65535', TORCHELASTIC_USE_AGENT_STORE: 'True' })).toThrow(/from 1 to 65534/)
})

test('mpirun, and srun with PMIx', () => {
  expect(launchOf({ OMPI_COMM_WORLD_RANK: '1', OMPI_COMM_WORLD_SIZE: '4', OMPI_COMM_WORLD_LOCAL_SIZE: '2' })).toMatchObject({
    kind: 'mpi',
    rank: 1,
    size: 4,
    localSize: 2,
    localRank: 0,
  })
  const slurm = { PMIX_RANK: '5', SLURM_STEP_ID: '0', SLURM_STEP_NUM_TASKS: '6', SLURM_STEP_NUM_NODES: '2', SLURM_LOCALID: '2' }
  expect(launchOf(slurm)).toMatchObject({ kind: 'mpi', rank: 5, size: 6, localSize: 3, localRank: 2 })
})

test.each([
  ['srun without PMIx', { SLURM_STEP_ID: '0', SLURM_STEP_NUM_TASKS: '4' }, /do not know each other/],
  ['a rank beyond the size', { ...torch, RANK: '8' }, /rank 8 of 8/],
  ['a size without a rank', { ...torch, RANK: undefined }, /WORLD_SIZE is 8, and RANK is not set/],
  ['a size alone', { WORLD_SIZE: '2' }, /RANK, MASTER_ADDR and MASTER_PORT are not set/],
  ['a size that is no number', { ...torch, WORLD_SIZE: 'many' }, /WORLD_SIZE is "many"/],
  ['a port that no machine has', { ...torch, MASTER_PORT: '70000' }, /MASTER_PORT is 70000, and must be a number from 1 to/],
  ['an address that a script left empty', { ...torch, MASTER_ADDR: ' ' }, /MASTER_ADDR is empty/],
])('%s is refused with what to do', (_, environment, message) => {
  expect(() => launchOf(environment)).toThrow(
    expect.objectContaining({ code: 'JOB_LAUNCH', kind: 'usage', message: expect.stringMatching(message) }),
  )
})

test('processes of a machine share its processors, unless they were given some of their own', () => {
  expect(threadsOf(16, { localSize: 4, bound: false }, 16)).toBe(4)
  expect(threadsOf(2, { localSize: 4, bound: false }, 2)).toBe(1)
  // A container with 4 of 64 processors.
  expect(threadsOf(4, { localSize: 2, bound: false }, 64)).toBe(2)
  // Bound to cores of their own; to one of two sockets, with others.
  expect(threadsOf(4, { localSize: 4, bound: true }, 16)).toBe(4)
  expect(threadsOf(8, { localSize: 4, bound: true }, 16)).toBe(4)
})
