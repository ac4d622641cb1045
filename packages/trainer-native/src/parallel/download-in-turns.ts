import type { TrainingConfig } from '@qt/core'
import { isDatasetReference, resolve, resolveDataset } from '@qt/weights'
import type { Launch } from './launch.js'
import type { Team } from './team.js'

/**
 * What a job takes from the hub comes down once: rank 0 has it first, then one process of each other machine, which finds it where the
 * machines share a cache; all others find it there.
 */
export async function downloadInTurns(
  { base, data }: Pick<TrainingConfig, 'base' | 'data'>,
  launch: Pick<Launch, 'localRank'> | undefined,
  { rank, gather }: Pick<Team, 'rank' | 'gather'>,
  signal: AbortSignal,
): Promise<void> {
  if (launch === undefined) return
  const datasets = [data.path, data.validation].flat().filter((path) => typeof path === 'string')
  for (const mine of [rank === 0, rank > 0 && launch.localRank === 0]) {
    if (mine) {
      if (base !== undefined) await resolve(base, { signal })
      for (const path of datasets) if (isDatasetReference(path)) await resolveDataset(path, { signal })
    }
    await gather([])
  }
}
