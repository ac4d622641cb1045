import { defineVerb } from '../args/verb.js'
import { cluster, followJob, stateText } from '../follow-job.js'
import { fields } from '../print/units.js'

export const submitStatus = defineVerb({
  name: 'submit status',
  summary: 'Say where a submitted training stands.',
  details: 'What the cluster says of the job, and what rank 0 has written to the run’s events.',
  positionals: [{ name: 'RUN', description: 'The folder of the run.', required: true }],
  flags: { follow: { type: 'boolean', description: 'Print the log of all processes until the job has ended.' } },
  examples: ['qt submit status runs/my-run', 'qt submit status runs/my-run --follow'],
  async run({ flags, positionals, io }) {
    const [path = ''] = positionals
    const { readSubmission, submissionState, submittedRun } = await cluster()
    const submission = await readSubmission(path)
    const state = flags.follow ? await followJob(submission, io, true) : await submissionState(submission)
    const run = await submittedRun(submission)
    io.out(
      fields([
        ['job', submission.to === 'slurm' ? submission.job : `${submission.namespace}/${submission.name}`],
        ['state', stateText(state)],
        ['submitted', submission.time],
        ...(run
          ? [
              ['training', run.status],
              ['step', `${run.step}${run.steps === undefined ? '' : ` of ${run.steps}`}`],
              ...(run.loss === undefined ? [] : [['loss', run.loss.toFixed(4)]]),
              ...(run.checkpoint === undefined ? [] : [['saved', run.checkpoint]]),
            ]
          : [['training', submission.to === 'k8s' ? 'is on its claim; see qt submit log' : 'has not begun']]),
      ]),
    )
    io.document({ submission, ...state, training: run ?? null })
    return 0
  },
})
