import { QtError, shellWord } from '@qt/core'
import type { JobState, Submission } from '@qt/pipeline/submit'
import { withInterrupt } from './interrupt.js'
import type { Io } from './io.js'
import { need } from './need.js'

/** What qt needs of the package that knows clusters. */
export const cluster = () => need('@qt/pipeline', () => import('@qt/pipeline/submit'))

/** A state for people: `PENDING (Priority)`, `RUNNING for 01:02:03 on node[1-4]`. */
export function stateText({ state, phase, reason, nodes, elapsed, restarts = 0, exitCode }: JobState): string {
  const running = phase === 'running'
  return [
    state,
    ...(reason === undefined || running ? [] : [` (${reason})`]),
    ...(phase === 'waiting' || elapsed === undefined ? [] : [running ? ` for ${elapsed}` : ` after ${elapsed}`]),
    ...(running && nodes !== undefined ? [` on ${nodes}`] : []),
    ...(exitCode ? [`, exit code ${exitCode}`] : []),
    ...(restarts > 0 ? [`, started again ${restarts === 1 ? 'once' : `${restarts} times`}`] : []),
  ].join('')
}

/** Waits for the end of a job, and with `lines` prints its log meanwhile; the last state. A job that failed is an error. */
export async function followJob(submission: Submission, io: Io, lines: boolean): Promise<JobState> {
  const { followSubmission, submittedRun } = await cluster()
  let last: JobState = { state: 'UNKNOWN', phase: 'unknown' }
  try {
    await withInterrupt(async (signal) => {
      for await (const news of followSubmission(submission, { signal })) {
        if (news.type === 'state') {
          last = news.state
          io.note(`${stateText(last)}\n`)
        } else if (lines) io.out(`${news.line.source}  ${news.line.text}\n`)
      }
    })
  } catch (error) {
    if (!(error instanceof Error && error.name === 'AbortError')) throw error
    throw new QtError({
      code: 'SUBMIT_LEFT',
      kind: 'interrupted',
      message: 'The job goes on without you.',
      actions: [
        { label: 'See where it is.', command: `qt submit status ${shellWord(submission.run)}` },
        { label: 'End it.', command: `qt submit cancel ${shellWord(submission.run)}` },
      ],
    })
  }
  // A cluster that keeps no accounts forgets a job soon after its end; the run itself says whether it came to it.
  const lost = last.phase === 'unknown' && (await submittedRun(submission))?.status !== 'completed'
  if (lost || last.phase === 'failed' || last.phase === 'cancelled')
    throw new QtError({
      code: 'SUBMIT_JOB_FAILED',
      message: `The job ended: ${stateText(last)}.`,
      where: { file: submission.run },
      actions: [{ label: 'Read what its processes said.', command: `qt submit log ${shellWord(submission.run)}` }],
    })
  return last
}
