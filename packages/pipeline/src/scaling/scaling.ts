import { allReduce, halfExchange, type Link } from './exchange.js'
import { dalyInterval, usefulShare } from './failures.js'
import { largestOf } from './largest-of.js'

export interface ScalingInput {
  /** Seconds of a step on one process that exchanges nothing: measure it. */
  readonly stepSeconds: number
  /** Tokens of such a step; each process has its own. */
  readonly tokensPerStep: number
  /** Parameters that are trained: all of them, or those of the adapter. */
  readonly trainedParameters: number
  /** Bytes of each gradient as it is exchanged. Default 4. */
  readonly gradientBytes?: number
  /** `zero2`: each process keeps a part of gradients and optimiser states, and updated weights are gathered. Default `none`. */
  readonly sharding?: 'none' | 'zero2'
  /** Bytes of each weight as it is gathered under ZeRO-2. Default 2. */
  readonly weightBytes?: number
  /** The part of a step during which gradients can already be exchanged. Default 0.5: most of the backward pass. */
  readonly overlap?: number
  readonly perMachine: number
  /** Between processes of one machine. */
  readonly inside: Link
  /** Between machines, for each process. */
  readonly between: Link
  /** Standard deviation of a step's time from process to process, relative to it. Default 0.02. */
  readonly spread?: number
  /** Bytes of a checkpoint. */
  readonly checkpointBytes: number
  /** Bytes per second to storage from each machine, and at most from all of them. */
  readonly storage: { readonly perMachine: number; readonly total: number }
  /** Mean hours between failures of one machine. */
  readonly machineHours: number
  /** Seconds from a failure until the job trains again. Default 300. */
  readonly restartSeconds?: number
  readonly processes: readonly number[]
}

export interface ScalingRow {
  readonly processes: number
  /** Seconds of gradients' exchange, of which `exposed` are not hidden behind the backward pass. */
  readonly exchange: number
  readonly exposed: number
  /** Seconds for which the others wait for the slowest. */
  readonly waiting: number
  readonly step: number
  /** Against processes that exchange nothing and never fail, with the same work each. */
  readonly efficiency: number
  readonly checkpoint: number
  readonly failuresPerDay: number
  /** Seconds between checkpoints at which least is lost. */
  readonly interval: number
  /** The share of time that is neither saving, restarting nor repeating. */
  readonly useful: number
  /** Tokens per second that last. */
  readonly tokensPerSecond: number
}

/**
 * What data-parallel training on many processes would reach, on paper: the formulae are in docs/scaling.md. Nothing here is
 * measured but what is passed in.
 *
 * @example
 * ```ts
 * const [one] = scaling({
 *   stepSeconds: 1, tokensPerStep: 8192, trainedParameters: 10e6, perMachine: 8,
 *   inside: { bandwidth: 450e9, latency: 5e-6 }, between: { bandwidth: 50e9, latency: 10e-6 },
 *   checkpointBytes: 120e6, storage: { perMachine: 1e9, total: 20e9 }, machineHours: 5000, processes: [1],
 * })
 * one.step // 1
 * ```
 */
export const scaling = (input: ScalingInput): ScalingRow[] => input.processes.map((processes) => row(input, processes))

function row(input: ScalingInput, processes: number): ScalingRow {
  const { stepSeconds, trainedParameters, perMachine, inside, between, storage } = input
  const { gradientBytes = 4, weightBytes = 2, sharding = 'none', overlap = 0.5, spread = 0.02, restartSeconds = 300 } = input
  const topology = { processes, perMachine, inside, between }
  const bytes = trainedParameters * gradientBytes
  const exchange = sharding === 'none' ? allReduce(bytes, topology) : halfExchange(bytes, topology)
  // Weights are there only after the optimiser, so that gathering them hides behind nothing.
  const gathering = sharding === 'none' ? 0 : halfExchange(trainedParameters * weightBytes, topology)
  const exposed = Math.max(0, exchange - overlap * stepSeconds) + gathering
  const waiting = stepSeconds * spread * largestOf(processes)
  const step = stepSeconds + waiting + exposed

  const machines = Math.ceil(processes / perMachine)
  // Replicas write one copy, from one machine; shards are written by all of them.
  const writers = sharding === 'none' ? 1 : machines
  const checkpoint = input.checkpointBytes / Math.min(writers * storage.perMachine, storage.total)
  const meanTime = (input.machineHours * 3600) / machines
  const reliability = { meanTime, checkpoint, restart: restartSeconds }
  const interval = dalyInterval(reliability)
  const useful = usefulShare(interval, reliability)
  return {
    processes,
    exchange: exchange + gathering,
    exposed,
    waiting,
    step,
    efficiency: (stepSeconds / step) * useful,
    checkpoint,
    failuresPerDay: 86_400 / meanTime,
    interval,
    useful,
    tokensPerSecond: (processes * input.tokensPerStep * useful) / step,
  }
}
