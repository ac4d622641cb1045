import { defineVerb } from '../args/verb.js'
import { cluster } from '../follow-job.js'

export const submitLog = defineVerb({
  name: 'submit log',
  summary: 'Print what all processes of a submitted training said, as one log.',
  details:
    'The logs of all ranks and of the job, in the order of time. While the job runs, qt submit status --follow goes on printing.',
  positionals: [{ name: 'RUN', description: 'The folder of the run.', required: true }],
  flags: {},
  examples: ['qt submit log runs/my-run'],
  async run({ positionals, io }) {
    const { readSubmission, submissionLog } = await cluster()
    const lines = await submissionLog(await readSubmission(positionals[0] ?? ''))()
    for (const { time, source, text } of lines) io.out(`${time}  ${source}  ${text}\n`)
    io.document({ lines })
    return 0
  },
})
