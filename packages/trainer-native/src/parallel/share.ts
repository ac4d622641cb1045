import { QtError } from '@qt/core'
import { type CheckpointState, type FoundCheckpoint, findCheckpoint } from '../train/checkpoint.js'
import type { Windows } from '../train/windows.js'
import type { Team } from './team.js'

/** The part of a configuration that says how large a process's share of a step is. */
interface StepSize {
  readonly training: { readonly batchSize: number; readonly gradAccumulation: number }
}

/**
 * Micro-batches of a whole step. A run that is resumed as it was configured keeps its steps whatever the number of processes is now;
 * one with another `gradAccumulation` is asked for steps of that size, which must be those of the run.
 */
export function microBatchesOf(
  { training: { gradAccumulation } }: StepSize,
  processes: number,
  state: Pick<CheckpointState, 'gradAccumulation' | 'microBatches'> | undefined,
): number {
  const asBefore = state?.microBatches !== undefined && state.gradAccumulation === gradAccumulation
  return asBefore ? (state.microBatches ?? gradAccumulation) : gradAccumulation * processes
}

/** What is said of steps that do not fit the number of processes. */
export function shareWarnings(
  { microBatches }: Pick<Windows, 'microBatches'>,
  { size, tensorParallel }: Pick<Team, 'size' | 'tensorParallel'>,
  { training: { batchSize, gradAccumulation } }: StepSize,
): string[] {
  // Processes that share blocks take a micro-batch together.
  const takers = size / tensorParallel
  const idle = takers - microBatches
  const [one, several] = tensorParallel > 1 ? ['group of processes', 'groups of processes'] : ['process', 'processes']
  const counted = (count: number) => `${count} ${count === 1 ? one : several}`
  return [
    ...(microBatches === gradAccumulation * takers
      ? []
      : [
          `A step keeps the ${microBatches * batchSize} rows that the run began with, in ${microBatches} micro-batches for ${counted(takers)}.`,
        ]),
    ...(idle > 0
      ? [`${idle} of ${counted(takers)} ${idle === 1 ? 'has' : 'have'} nothing to do: a step has ${microBatches} micro-batches.`]
      : []),
  ]
}

/** The newest checkpoint that rank 0 has; the others need not see its folder. */
export async function sharedCheckpoint(folder: string, team: Team): Promise<FoundCheckpoint | undefined> {
  const found = team.rank === 0 ? await findCheckpoint(folder) : undefined
  if (team.size === 1) return found
  const [text = ''] = await team.gatherText(found ? JSON.stringify(found) : '')
  const shared: FoundCheckpoint | undefined = text === '' ? undefined : JSON.parse(text)
  return shared
}

/** Refuses processes that would train something else than rank 0. */
export function requireAlike(configurations: readonly string[]): void {
  const other = configurations.findIndex((one) => one !== configurations[0])
  if (other < 0) return
  throw new QtError({
    code: 'JOB_DIFFERS',
    kind: 'usage',
    message: `Rank ${other} has another configuration, base or data than rank 0.`,
    actions: ['Give all processes the same command and files, or a file system that all of them share.'],
  })
}
