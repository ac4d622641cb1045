import { QtError } from '@qt/core'

/** The name of errors that say that less may do. */
export const outOfMemory = 'OutOfMemoryError'

/** A GPU has not the memory for what was asked of it. */
export const isOutOfMemory = (error: unknown): error is Error => error instanceof Error && error.name === outOfMemory

/** What goes between the processes of a job has failed, in the engine's words. */
const isTransportError = (error: Error): boolean => error.name === 'TransportError'

/** What the engine itself throws is a plain Error in plain words; it reaches people as theirs. */
export async function engineErrors<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await transportErrors(work)
  } catch (error) {
    if (!(error instanceof Error) || QtError.isInstance(error) || 'code' in error || error.name === 'AbortError') throw error
    throw engineFailed(error)
  }
}

/** Of what a process does as one of a job: that the connections between them have failed. */
export async function transportErrors<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    throw error instanceof Error && isTransportError(error) ? jobBroken(error) : error
  }
}

const jobBroken = (error: Error): QtError =>
  new QtError({
    code: 'JOB_BROKEN',
    message: `The processes of the job can no longer exchange numbers: ${error.message}.`,
    actions: [
      'See what the other processes printed, and whether the network between their machines is up.',
      'All of them must run the same version of qt.',
      'Start the job again with --resume; it may have another number of processes.',
    ],
    cause: error,
  })

const engineFailed = (error: Error): QtError =>
  new QtError({
    code: 'ENGINE_FAILED',
    message: `The engine stopped: ${error.message}.`,
    actions: [
      ...(isOutOfMemory(error)
        ? [
            'See who else takes the memory of the GPU: nvidia-smi. Then go on from the last checkpoint, where there is one: --resume',
          ]
        : []),
      'See what the run would take: qt train --plan',
      'Lower training.batchSize or sequenceLength, or set checkpointing: true.',
    ],
    cause: error,
  })
