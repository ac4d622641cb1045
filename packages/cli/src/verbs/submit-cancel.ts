import { defineVerb } from '../args/verb.js'
import { cluster, stateText } from '../follow-job.js'

export const submitCancel = defineVerb({
  name: 'submit cancel',
  summary: 'End a submitted training.',
  details: 'What was saved stays in the run’s folder; qt submit slurm --resume goes on with it.',
  positionals: [{ name: 'RUN', description: 'The folder of the run.', required: true }],
  flags: {},
  examples: ['qt submit cancel runs/my-run'],
  async run({ positionals, io }) {
    const { cancelSubmission, isOver, readSubmission, submissionState } = await cluster()
    const submission = await readSubmission(positionals[0] ?? '')
    const state = await submissionState(submission)
    const over = isOver(state)
    if (!over) await cancelSubmission(submission)
    io.out(over ? `The job has ended already: ${stateText(state)}.\n` : 'The job is cancelled.\n')
    io.document({ submission, cancelled: !over })
    return 0
  },
})
