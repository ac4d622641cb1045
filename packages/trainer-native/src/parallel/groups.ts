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
export function requireGroups(
  launch: Pick<Launch, 'kind' | 'rank' | 'size' | 'localRank' | 'localSize'> | undefined,
  tensorParallel: number,
): void {
  const { rank, size, localRank, localSize, kind } = launch ?? { rank: 0, size: 1, localRank: 0, localSize: 1, kind: 'tcp' }
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
  // Where neighbours are together everywhere, ranks and those of each machine count alike; variables need not tell which one is this.
  if ((kind === 'mpi' || localRank > 0) && localRank % tensorParallel !== rank % tensorParallel)
    refuse(`Rank ${rank} is not on one machine with the others of its group of ${tensorParallel}.`, [
      `Start neighbours together: mpirun --map-by slot, srun --distribution=block, and a multiple of ${tensorParallel} on each machine.`,
    ])
}
