export interface Reliability {
  /** Mean seconds between two failures of the whole job. */
  readonly meanTime: number
  /** Seconds that writing a checkpoint holds the training up. */
  readonly checkpoint: number
  /** Seconds from a failure until the job trains again. */
  readonly restart: number
}

/** The interval between checkpoints that loses least, to first order: √(2 C M) (Young 1974). */
export const youngInterval = ({ meanTime, checkpoint }: Reliability): number => Math.sqrt(2 * checkpoint * meanTime)

/** The same to higher order (Daly 2006, equation 37); a job that fails faster than it saves can do no better than M. */
export function dalyInterval({ meanTime, checkpoint }: Reliability): number {
  if (checkpoint >= 2 * meanTime) return meanTime
  const ratio = checkpoint / (2 * meanTime)
  return Math.sqrt(2 * checkpoint * meanTime) * (1 + Math.sqrt(ratio) / 3 + ratio / 9) - checkpoint
}

/**
 * The share of time that is training which lasts, with failures at random (Daly 2006, equation 20): τ of work take
 * M e^{R/M} (e^{(τ+C)/M} − 1) in the mean.
 */
export const usefulShare = (interval: number, { meanTime, checkpoint, restart }: Reliability): number =>
  interval / (meanTime * Math.exp(restart / meanTime) * Math.expm1((interval + checkpoint) / meanTime))
