import type { JobState } from './job-state.js'
import { cancelK8sJob, k8sJobState, k8sLog } from './k8s-job.js'
import { type LogLine, mergedLog } from './merged-log.js'
import { cancelSlurmJob, slurmJobState } from './slurm-job.js'
import type { Submission } from './submission.js'

/** Where the job of a submission stands. */
export const submissionState = (submission: Submission): Promise<JobState> =>
  submission.to === 'slurm' ? slurmJobState(submission) : k8sJobState(submission)

/** Ends the job of a submission. */
export const cancelSubmission = (submission: Submission): Promise<void> =>
  submission.to === 'slurm' ? cancelSlurmJob(submission) : cancelK8sJob(submission)

/** What is new in the log of all processes since the last call. */
export const submissionLog = (submission: Submission): (() => Promise<LogLine[]>) =>
  submission.to === 'slurm' ? mergedLog(submission.run) : k8sLog(submission)
