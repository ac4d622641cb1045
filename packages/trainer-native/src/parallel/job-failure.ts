import { messageOf, QtError, usageError } from '@qt/core'
import { z } from 'zod'
import type { JobFailure } from '../binding.js'
import type { Launch } from './launch.js'
import type { Team } from './team.js'

/** An error that another process throws, too, as it travels. */
const usageSchema = z.object({
  code: z.string(),
  message: z.string(),
  where: z.object({ file: z.string(), line: z.number(), row: z.number(), field: z.string() }).partial().optional(),
  actions: z.array(z.object({ label: z.string(), command: z.string().optional() })),
  help: z.string(),
})

/** What is said of a process that was told to stop before its run had begun. */
const toldToStop = 'It was told to stop before the run began.'

const isAbort = (error: unknown): boolean => error instanceof Error && error.name === 'AbortError'

/** The engine cuts what is longer than 64 KiB, and of a JSON text nothing is left then; a character takes six bytes at most. */
const longestMessage = 8192

/** What a process tells the others of the error that ends it: bad usage or input whole, so that all of them say the same. */
export function reasonOf(error: unknown): string {
  if (isAbort(error)) return toldToStop
  const said = messageOf(error)
  const message = said.length > longestMessage ? `${said.slice(0, longestMessage)} …` : said
  return QtError.isInstance(error) && error.kind === 'usage' ? JSON.stringify({ ...error.toJSON(), message }) : message
}

/** The same in a sentence. */
export const reasonText = ({ why }: JobFailure): string => usageIn(why)?.message ?? why

/**
 * The engine's failure is known to all before anything goes that their sums are still written into: also that of a run which is being
 * stopped.
 */
export function tellFailure(error: unknown, { communicator }: Pick<Team, 'communicator'>): void {
  if (!QtError.isInstance(error)) communicator?.fail(reasonOf(error))
}

/**
 * The error of a process that ends because another one does: that one's where it was given bad input or told to stop, else that it was
 * lost.
 */
export function failureError(failure: JobFailure, { size }: Pick<Launch, 'size'>, cause: unknown): Error {
  const { rank, why, spoke } = failure
  if (spoke && why === toldToStop) return new DOMException(`Rank ${rank} of ${size} was told to stop.`, 'AbortError')
  const usage = spoke ? usageIn(why) : undefined
  if (usage) {
    const { code, message, where = {}, actions, help } = usage
    // What this process has found by itself, too, is not another machine's.
    if (QtError.isInstance(cause) && cause.code === code && cause.message === message) return cause
    const known = Object.fromEntries(Object.entries(where).filter(([, value]) => value !== undefined))
    return usageError(code, message, {
      where: known,
      actions: [
        ...actions.map(({ label, command }) => (command === undefined ? label : { label, command })),
        `Rank ${rank} of ${size} found this: see whether its machine has other files.`,
      ],
      help,
      cause,
    })
  }
  return new QtError({
    code: 'RANK_LOST',
    message: spoke
      ? `Rank ${rank} of ${size} failed, and so the whole job ends: ${why.replace(/\.$/, '')}.`
      : `Rank ${rank} of ${size} ${why}, and so the whole job ends.`,
    actions: [
      spoke
        ? `See what rank ${rank} printed.`
        : `See whether rank ${rank} was killed for want of memory, or its machine or the network to it went down.`,
      'Start the job again with --resume; it may have another number of processes.',
    ],
    cause,
  })
}

function usageIn(why: string): z.infer<typeof usageSchema> | undefined {
  try {
    return usageSchema.safeParse(JSON.parse(why)).data
  } catch {
    return undefined
  }
}
