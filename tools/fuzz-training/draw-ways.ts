import { spawnSync } from 'node:child_process'
import type { TrainingConfigInput } from '@qt/core'
import type { Settings } from './draw-config.js'
import type { Draws } from './draws.js'

/** How a job is carried out. Everything left out: as one process on the processor, from its beginning to its end. */
export interface Way {
  readonly processes?: number
  readonly device?: 'cpu' | 'cuda'
  /** `slow`: of GPUs through the memory of the processes, although there is NCCL; of processors over TCP, although they share memory. */
  readonly exchange?: 'slow' | 'mpi'
  /** Settings that change no result but rounding. */
  readonly training?: NonNullable<TrainingConfigInput['training']>
  readonly threads?: number
  /** So many micro-batches become one. */
  readonly joined?: number
  /** After so many events another program takes the memory of the GPU, for a moment. */
  readonly full?: number
  /** After so many events of a run it is stopped or killed, through one of its processes, and goes on in so many. */
  readonly stops?: readonly Stop[]
}

export interface Stop {
  /** What is another from then on. */
  readonly change?: Pick<Way, 'device' | 'training'>
  readonly events: number
  readonly how: 'told' | 'killed'
  readonly rank: number
  readonly then: number
  /** Milliseconds after the event. */
  readonly delay: number
}

/** Two ways that must agree: to rounding, in their numbers to the byte, or in all that they write. */
export interface Comparison {
  readonly ways: readonly [Way, Way]
  readonly alike: 'rounding' | 'numbers' | 'everything'
}

export const alone: Way = {}

const mpi = spawnSync('mpirun', ['--version']).status === 0

/** How often one of a list of comparisons is made, and which. */
type Choice = readonly [share: number, ways: () => Comparison['ways'], alike: Comparison['alike']]

const chosen = (draw: Draws, choices: readonly Choice[]): Comparison[] =>
  choices.flatMap(([share, ways, alike]) => (draw.chance(share) ? [{ ways: ways(), alike }] : []))

export function drawWays(draw: Draws, settings: Settings): Comparison[] {
  const { training, adapter } = settings
  const { gradAccumulation: microBatches, deterministic } = training
  const alike = deterministic === 'strict' ? 'numbers' : 'rounding'
  const sizes = [1, 2, 3, 4].filter((size) => microBatches % size === 0)
  const size = sizes.length > 1 ? draw.pick(sizes.slice(1)) : 0
  const several: Way = { processes: size, ...(draw.chance(0.3) && { exchange: 'slow' }) }
  const shared = sharing(draw, settings)
  const ranks = shared.processes ?? 1
  const share = isDividable(training) ? 1 : 0.1
  const joined = isRandom(adapter, training) ? [] : [2, 3].filter((count) => microBatches % count === 0)
  return chosen(draw, [
    [size && 0.6, () => [alone, several], alike],
    [size && 0.3, () => [alone, { ...several, stops: [stop(draw, size, draw.whole(1, 4))] }], alike],
    [size && mpi ? 0.05 : 0, () => [alone, { processes: size, exchange: 'mpi' }], alike],
    [size && 0.25, () => [several, { ...several, stops: [stop(draw, size, size)] }], 'everything'],
    [size && adapter ? 0.25 : 0, () => [several, { ...several, training: { shardBase: true } }], 'numbers'],
    [share * 0.5, () => [alone, shared], 'rounding'],
    [share * 0.25, () => [alone, { ...shared, stops: [stop(draw, ranks, 1)] }], 'rounding'],
    [share * 0.2, () => [shared, { ...shared, stops: [stop(draw, ranks, ranks)] }], 'everything'],
    [share === 1 ? 0.15 : 0, () => [alone, { stops: [stop(draw, 1, ranks)], training: shared.training ?? {} }], 'rounding'],
    [
      0.25,
      () => [alone, { stops: [{ ...stop(draw, 1, draw.pick(sizes)), change: { training: saving(draw, training) } }] }],
      'rounding',
    ],
    [0.4, () => [alone, { stops: Array.from({ length: draw.whole(1, 3) }, () => stop(draw, 1, 1)) }], 'everything'],
    [0.2, () => [alone, { threads: draw.whole(2, 3), training: { checkpointing: draw.chance(0.5) } }], 'numbers'],
    [0.2, () => [alone, { training: { feedForwardChunk: draw.pick([false, 1, 5, 16]) } }], 'rounding'],
    [joined.length > 0 ? 0.25 : 0, () => [alone, { joined: draw.pick(joined) }], 'rounding'],
  ])
}

export function drawGpuWays(draw: Draws, settings: Settings): Comparison[] {
  const { training, adapter } = settings
  const { gradAccumulation: microBatches, deterministic } = training
  const gpu = { device: 'cuda' } as const
  const less = draw.chance(0.3) ? { checkpointing: true, offload: true } : { checkpointing: draw.chance(0.5) }
  const several: Way = {
    ...gpu,
    processes: 2,
    ...(draw.chance(0.3) && { exchange: 'slow' }),
    training: { shardBase: adapter !== undefined && draw.chance(0.3) },
  }
  const even = microBatches % 2 === 0
  // What is written beside the passes, which cannot be taken anew.
  const writes = adapter?.frozen !== undefined || training.averageDecay !== undefined
  // Smaller micro-batches have other random numbers, and the strict order takes none.
  const cuts = training.batchSize > 1 && deterministic !== 'strict' && !isRandom(adapter, training) && !writes
  const shared = { ...sharing(draw, settings), ...gpu }
  return chosen(draw, [
    [0.8, () => [alone, { ...gpu, training: less }], 'rounding'],
    [even ? 0.4 : 0, () => [alone, several], 'rounding'],
    [even && deterministic === 'strict' ? 0.8 : 0, () => [gpu, several], 'numbers'],
    [isDividable(training) ? 0.3 : 0.05, () => [alone, shared], 'rounding'],
    [0.2, () => [gpu, { ...gpu, stops: [stop(draw, 1, 1)] }], 'everything'],
    [even ? 0.15 : 0, () => [several, { ...several, stops: [stop(draw, 2, 2)] }], 'everything'],
    [
      0.25,
      () => [alone, { stops: [{ ...stop(draw, 1, draw.whole(1, 2)), change: { ...gpu, training: saving(draw, training) } }] }],
      'rounding',
    ],
    [
      even ? 0.25 : 0,
      () => [
        alone,
        { ...several, stops: [{ ...stop(draw, 2, 1), change: { device: 'cpu', training: saving(draw, training) } }] },
      ],
      'rounding',
    ],
    [cuts ? 0.3 : 0, () => [alone, { ...gpu, full: draw.whole(1, 6) }], 'rounding'],
    [cuts && even ? 0.3 : 0, () => [alone, { ...several, full: draw.whole(1, 6) }], 'rounding'],
    [cuts && even ? 0.15 : 0, () => [alone, { ...shared, full: draw.whole(1, 6) }], 'rounding'],
    [0.15, () => [alone, { ...gpu, training: { feedForwardChunk: draw.pick([false, 1, 5, 16]) } }], 'rounding'],
  ])
}

const stop = (draw: Draws, ranks: number, then: number): Stop => ({
  // Before the first there is nothing yet that others would hear of it by.
  events: draw.whole(ranks === 1 ? 0 : 1, 12),
  how: draw.pick(['told', 'killed']),
  rank: draw.whole(0, ranks - 1),
  then,
  delay: draw.chance(0.5) ? 0 : draw.whole(1, 20),
})

/** Processes that share each block, in one or two groups. */
function sharing(draw: Draws, { adapter, training: { gradAccumulation: microBatches } }: Settings): Way {
  const tensorParallel = draw.pick([2, 2, 2, 4])
  const groups = tensorParallel === 2 && microBatches % 2 === 0 ? draw.whole(1, 2) : 1
  return {
    processes: tensorParallel * groups,
    training: { tensorParallel, ...(groups > 1 && adapter && draw.chance(0.3) && { shardBase: true }) },
  }
}

const isDividable = ({ deterministic, optimizer }: Settings['training']): boolean =>
  deterministic !== 'strict' && optimizer !== 'adafactor' && optimizer !== 'muon'

const isRandom = (adapter: Settings['adapter'], { embeddingNoise = 0 }: Settings['training']): boolean =>
  (adapter?.dropout ?? 0) > 0 || embeddingNoise > 0

/** What only saves memory, and may be another after a pause. */
const saving = (draw: Draws, { deterministic }: Settings['training']): NonNullable<Way['training']> => ({
  checkpointing: draw.chance(0.5),
  ...(deterministic !== 'strict' && {
    feedForwardChunk: draw.pick([false, 1, 5, 16] as const),
    shardGradients: draw.chance(0.5),
  }),
})
