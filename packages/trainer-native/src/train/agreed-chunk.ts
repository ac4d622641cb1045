import type { Team } from '../parallel/team.js'
import type { CheckpointState } from './checkpoint.js'
import { memoryFor } from './memory.js'
import type { PlanChange, Prepared } from './prepare.js'
import { fits } from './require-memory.js'

type Chunk = NonNullable<CheckpointState['feedForwardChunk']>

/**
 * Tokens that a feed-forward has at once, the same in all processes: the least of what each by its configuration, its checkpoint and its
 * memory would take. What a checkpoint says stays where the configuration leaves it open and there is room for it; in the strict order
 * always, as the last bits follow from it.
 */
export async function agreedChunk(
  { config, localSize, planned }: Pick<Prepared, 'config' | 'localSize' | 'planned'>,
  size: PlanChange,
  stored: Chunk | undefined,
  team: Pick<Team, 'gather'>,
): Promise<Chunk> {
  const { feedForwardChunk: asked, deterministic } = config.training
  const stays = (chunk: Chunk) =>
    deterministic === 'strict' || fits(planned({ ...size, feedForwardChunk: chunk }).plan, memoryFor(config.device, localSize))
  const own = () => {
    if (asked !== 'auto') return asked
    return stored !== undefined && stays(stored) ? stored : planned(size).plan.feedForwardChunk
  }
  const mine = own()
  const least = Math.min(...(await team.gather([mine === false ? Number.POSITIVE_INFINITY : mine])).flat())
  return Number.isFinite(least) ? least : false
}

/** What is said of a run that goes on with another. */
export function chunkWarnings(stored: Chunk | undefined, now: Chunk): string[] {
  const text = (chunk: Chunk) => (chunk === false ? 'all tokens' : `${chunk} tokens`)
  return stored === undefined || stored === now
    ? []
    : [
        `A feed-forward has ${text(now)} at once from now on instead of ${text(stored)}, so that the last bits may not be those of a run that was never stopped.`,
      ]
}
