import { expect, test } from 'vitest'
import { placeOf, requireGroups } from './groups.js'
import type { Launch } from './launch.js'

test('neighbours share blocks, and with them the rows', () => {
  expect([0, 1, 2, 3].map((rank) => placeOf({ rank, size: 4 }, 2))).toEqual([
    { rows: { rank: 0, size: 2 }, tensor: { rank: 0, size: 2 } },
    { rows: { rank: 0, size: 2 }, tensor: { rank: 1, size: 2 } },
    { rows: { rank: 1, size: 2 }, tensor: { rank: 0, size: 2 } },
    { rows: { rank: 1, size: 2 }, tensor: { rank: 1, size: 2 } },
  ])
  expect(placeOf({ rank: 2, size: 3 }, 1)).toEqual({ rows: { rank: 2, size: 3 }, tensor: { rank: 0, size: 1 } })
})

test('groups that processes do not make, or not on one machine, are refused', () => {
  const first = { rank: 0, localRank: 0 } as const
  const refusal = (
    launch: (Partial<Launch> & Pick<Launch, 'kind' | 'size' | 'localSize'>) | undefined,
    tensorParallel: number,
  ) => {
    try {
      requireGroups(launch && { ...first, ...launch }, tensorParallel)
    } catch (error) {
      return error
    }
    return undefined
  }
  const where = { code: 'CONFIG_CONTRADICTION', where: { field: 'training.tensorParallel' } }
  expect(refusal(undefined, 1)).toBeUndefined()
  expect(refusal(undefined, 2)).toMatchObject(where)
  expect(refusal({ kind: 'mpi', size: 8, localSize: 4 }, 4)).toBeUndefined()
  expect(refusal({ kind: 'mpi', size: 6, localSize: 6 }, 4)).toMatchObject(where)
  expect(refusal({ kind: 'mpi', size: 4, localSize: 1 }, 2)).toMatchObject(where)
  expect(refusal({ kind: 'tcp', size: 6, localSize: 3 }, 2)).toMatchObject(where)
  // Two machines that take ranks in turns.
  expect(refusal({ kind: 'mpi', size: 4, localSize: 2, rank: 1, localRank: 0 }, 2)).toMatchObject(where)
  expect(refusal({ kind: 'tcp', size: 4, localSize: 2, rank: 2, localRank: 1 }, 2)).toMatchObject(where)
  expect(refusal({ kind: 'mpi', size: 4, localSize: 2, rank: 3, localRank: 1 }, 2)).toBeUndefined()
  // Nobody has said how many are here, or which of them this is.
  expect(refusal({ kind: 'tcp', size: 4, localSize: 2, rank: 3, localRank: 0 }, 2)).toBeUndefined()
  expect(refusal({ kind: 'tcp', size: 4, localSize: 1 }, 2)).toBeUndefined()
})
