import type { Team } from '../parallel/team.js'
import { agreedChunk } from './agreed-chunk.js'
import type { CheckpointState } from './checkpoint.js'
import type { PlanChange, Prepared } from './prepare.js'

type Chunk = NonNullable<CheckpointState['feedForwardChunk']>

/** What saves memory and must be the same in all processes, although each has a plan and memory of its own. */
export interface AgreedSavings {
  readonly feedForwardChunk: Chunk
  readonly checkpointing?: true
}

/** Processes that share blocks all repeat them as soon as one has to: a repeated block adds up with the others once more. */
export async function agreedSavings(
  given: Pick<Prepared, 'config' | 'localSize' | 'planned'>,
  size: PlanChange,
  stored: Chunk | undefined,
  team: Pick<Team, 'gather' | 'tensorParallel'>,
): Promise<AgreedSavings> {
  const feedForwardChunk = await agreedChunk(given, size, stored, team)
  const repeats = given.planned({ ...size, feedForwardChunk }).plan.checkpointing
  const everybody = (await team.gather([repeats ? 1 : 0])).flat()
  return team.tensorParallel > 1 && everybody.includes(1) ? { feedForwardChunk, checkpointing: true } : { feedForwardChunk }
}
