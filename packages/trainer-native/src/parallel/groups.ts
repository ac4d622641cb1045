import { usageError } from '@qt/core'
import type { Share } from '../train/windows.js'
import type { Launch } from './launch.js'

/** Where a process stands in a job whose processes share blocks in groups of neighbours. */
export interface Place {
  /** Which group of how many: those that share blocks work on the same rows. */
  readonly rows: Share
  /** Which process of its group. */
  readonly tensor: Share
}

export const placeOf = ({ rank, size }: Share, tensorParallel: number): Place => ({
  rows: { rank: Math.floor(rank / tensorParallel), size: size / tensorParallel },
  tensor: { rank: rank % tensorParallel, size: tensorParallel },
})

/** Refuses groups that the processes of a job do not make, or not on one machine. */
export function requireGroups(launch: Pick<Launch, 'kind' | 'size' | 'localSize'> | undefined, tensorParallel: number): void {
  const { size, localSize, kind } = launch ?? { size: 1, localSize: 1, kind: 'tcp' }
  const refuse = (message: string, actions: readonly string[]): never => {
    throw usageError('CONFIG_CONTRADICTION', message, { where: { field: 'training.tensorParallel' }, actions })
  }
  const processes = (count: number) => `${count} process${count === 1 ? '' : 'es'}`
  if (size % tensorParallel !== 0)
    refuse(`${processes(size)} cannot be groups of ${tensorParallel}.`, [
      `Start ${tensorParallel} processes, or a multiple: mpirun -n ${tensorParallel} qt train …`,
      'Or remove "tensorParallel": a run goes on with another, too.',
    ])
  // Variables need not tell how many are here; then it is 1.
  const known = kind === 'mpi' || localSize > 1
  if (known && localSize % tensorParallel !== 0)
    refuse(`A machine has ${processes(localSize)} of the job, which cannot be groups of ${tensorParallel}.`, [
      `Start a multiple of ${tensorParallel} processes on each machine: a group sends far too much for a network.`,
    ])
}
