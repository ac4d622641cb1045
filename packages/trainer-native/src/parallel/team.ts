import type { NativeCommunicator } from '../binding.js'

/** The processes that take a step together. Everything here is done by all of them, in the same order. */
export interface Team {
  readonly rank: number
  readonly size: number
  /** So many neighbours share each block of the model, and with it the same rows. */
  readonly tensorParallel: number
  /** Undefined where there is only one. */
  readonly communicator: NativeCommunicator | undefined
  /** Everybody's numbers, by rank. */
  gather(mine: readonly number[]): Promise<(readonly number[])[]>
  /** Everybody's text, by rank. */
  gatherText(mine: string): Promise<string[]>
  /** What rank 0 has; the others' argument does not matter. */
  broadcast(bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>>
}

export const alone: Team = {
  rank: 0,
  size: 1,
  tensorParallel: 1,
  communicator: undefined,
  gather: async (mine) => [mine],
  gatherText: async (mine) => [mine],
  broadcast: async (bytes) => new Uint8Array(bytes),
}

export function teamOf(communicator: NativeCommunicator, { rank, size }: { rank: number; size: number }): Team {
  return {
    rank,
    size,
    tensorParallel: 1,
    communicator,
    async gather(mine) {
      const all = await communicator.allGather(new Uint8Array(Float64Array.from(mine).buffer))
      return all.map(({ buffer }) => [...new Float64Array(buffer)])
    },
    async gatherText(mine) {
      const all = await communicator.allGather(new TextEncoder().encode(mine))
      return all.map((bytes) => new TextDecoder().decode(bytes))
    },
    broadcast: (bytes) => communicator.broadcast(bytes),
  }
}
