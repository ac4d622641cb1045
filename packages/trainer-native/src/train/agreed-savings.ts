import type { Team } from '../parallel/team.js'
import { agreedChunk } from './agreed-chunk.js'
import type { PlanChange, Prepared } from './prepare.js'

/**
 * How a step saves memory, the same in all processes: those that share blocks add up what they make of each chunk and what they repeat, so
 * that one of them may not do without what another does. Blocks are repeated as soon as one process has no room for what they keep.
 */
export async function agreedSavings(
  prepared: Pick<Prepared, 'config' | 'localSize' | 'planned'>,
  size: PlanChange,
  stored: Parameters<typeof agreedChunk>[2],
  team: Pick<Team, 'gather'>,
) {
  const feedForwardChunk = await agreedChunk(prepared, size, stored, team)
  const mine = prepared.planned({ ...size, feedForwardChunk }).plan.checkpointing
  const everybodys = await team.gather([mine ? 1 : 0])
  return { feedForwardChunk, checkpointing: everybodys.flat().includes(1) }
}
