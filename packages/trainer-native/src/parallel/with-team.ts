import { createHash } from 'node:crypto'
import { messageOf, QtError, usageError } from '@qt/core'
import { binding, type NativeCommunicator } from '../binding.js'
import { transportErrors } from '../engine-errors.js'
import { failureError, reasonOf } from './job-failure.js'
import type { Launch } from './launch.js'
import { alone, type Team, teamOf } from './team.js'

const defaultPatience = 120

/**
 * Does work as one of the processes of a job. When one of them fails or dies the signal aborts in all others, and each of them throws
 * an error that names it, or the same error where that was given bad input.
 */
export async function withTeam<Result>(
  launch: Launch | undefined,
  signal: AbortSignal,
  work: (team: Team, signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  if (launch === undefined) return work(alone, signal)
  const communicator = new (binding().Communicator)({
    kind: launch.kind,
    rank: launch.rank,
    size: launch.size,
    host: launch.host,
    port: launch.port,
    sharedMemory: process.env.QT_JOB_SHARED_MEMORY !== '0',
    key: createHash('sha256')
      .update(`qt job ${process.env.QT_JOB_TOKEN ?? ''}`)
      .digest(),
    patience: patience(),
  })
  try {
    const team = teamOf(communicator, await join(communicator, launch, signal))
    const failed = new AbortController()
    communicator.onFailure(() => failed.abort(new Error('another process of the job failed')))
    const result = await transportErrors(async () => {
      const done = await work(team, AbortSignal.any([signal, failed.signal]))
      // Nobody goes before rank 0 has written everything.
      await team.gather([])
      return done
    })
    communicator.leave()
    return result
  } catch (error) {
    const failure = communicator.failure()
    if (QtError.isInstance(error) && endsForAll(error)) communicator.leave()
    else if (failure !== null && failure.rank !== launch.rank) throw failureError(failure, launch, error)
    else communicator.fail(reasonOf(error))
    throw error
  } finally {
    communicator.close()
  }
}

/** What all processes come to together, each by itself; any other error of one is the end of the job. */
const endsForAll = ({ kind, code }: QtError): boolean => kind === 'interrupted' || code === 'TRAINING_DIVERGED'

function patience(): number {
  const given = process.env.QT_JOB_TIMEOUT
  if (given === undefined) return defaultPatience
  const seconds = Number(given)
  if (seconds > 0 && seconds <= 86_400) return seconds
  throw usageError('JOB_LAUNCH', `QT_JOB_TIMEOUT is "${given}", and must be a number of seconds.`, {
    actions: ['Set it to 600, or leave it out.'],
  })
}

async function join(communicator: NativeCommunicator, { kind, rank, size, host, port }: Launch, signal: AbortSignal) {
  const stop = () => communicator.close()
  signal.addEventListener('abort', stop)
  try {
    signal.throwIfAborted()
    const joined = await communicator.open()
    signal.throwIfAborted()
    if (joined.size === size && joined.rank === rank) return joined
    throw new Error(`MPI says rank ${joined.rank} of ${joined.size}, and the environment rank ${rank} of ${size}`)
  } catch (error) {
    signal.throwIfAborted()
    throw new QtError({
      code: 'JOB_NOT_JOINED',
      message: `Rank ${rank} of ${size} could not join its job: ${messageOf(error)}.`,
      actions: isPortTaken(error)
        ? [
            `Take another MASTER_PORT for all processes: something listens on ${port} already.`,
            'Perhaps another process of this job has RANK 0, too: give each a rank of its own, from 0.',
          ]
        : kind === 'tcp'
          ? [
              `Start all ${size} processes within ${patience()} s (QT_JOB_TIMEOUT), with the same QT_JOB_TOKEN.`,
              `Rank 0 must be reachable from all machines at MASTER_ADDR ${host}, port ${port}, and all machines from each other.`,
            ]
          : [
              'Start all processes with one mpirun or srun, of the same OpenMPI, and for one job only.',
              'Or set the variables of torchrun: docs/many-machines.md.',
            ],
      cause: error,
    })
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** As strerror says it, whichever the locale: it is never set. */
const isPortTaken = (error: unknown): boolean => messageOf(error).includes('Address already in use')
