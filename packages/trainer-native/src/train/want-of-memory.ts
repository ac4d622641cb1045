import { outOfMemory } from '../engine-errors.js'
import type { Team } from '../parallel/team.js'

/** That a device of the job has not the memory for what was asked of it; all processes throw it. */
export class WantOfMemory extends Error {
  override readonly name = outOfMemory
  constructor(
    why: string,
    /** Of the process that lacks it. */
    readonly rank: number,
    { size }: Pick<Team, 'size'>,
  ) {
    super(size === 1 ? why : `rank ${rank}: ${why}`)
  }
}

/** Throws in all processes where one has said something: its own text, or ''. All call it. */
export async function requireRoom(lack: string, team: Pick<Team, 'size' | 'gatherText'>): Promise<void> {
  const said = await team.gatherText(lack)
  const rank = said.findIndex((text) => text !== '')
  if (rank >= 0) throw new WantOfMemory(said[rank]!, rank, team)
}

/** Before such an error ends the job: whoever lacks the memory ends it, and the others hear of that. */
export async function leaveToWhoLacks(error: unknown, { rank, gather }: Pick<Team, 'rank' | 'gather'>): Promise<void> {
  if (error instanceof WantOfMemory && error.rank !== rank) await gather([])
}
