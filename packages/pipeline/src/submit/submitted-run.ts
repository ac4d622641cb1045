import { isRun, readRun } from '../read-run.js'
import type { RunSummary } from '../run-summary.js'
import type { Submission } from './submission.js'

/** What rank 0 has written of the run so far; undefined before it has begun. */
export const submittedRun = async ({ run }: Submission): Promise<RunSummary | undefined> =>
  isRun(run) ? readRun(run) : undefined
