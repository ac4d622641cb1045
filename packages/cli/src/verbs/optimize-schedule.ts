import { z } from 'zod'
import { defineVerb } from '../args/verb.js'
import { withInterrupt } from '../interrupt.js'
import { need } from '../need.js'
import { durationText, fields } from '../print/units.js'
import { decideOptions, readMeasurements } from './optimize-options.js'
import { decisionDocument, decisionFlags, printDecision } from './optimize-report.js'

const positive = z.number().positive()
const schema = z.strictObject({
  jobs: z
    .array(z.strictObject({ name: z.string(), seconds: positive, priority: positive.optional(), memory: positive.optional() }))
    .min(1),
  machines: z.array(z.strictObject({ name: z.string(), speed: positive.optional(), memory: positive.optional() })).min(1),
})

export const optimizeSchedule = defineVerb({
  name: 'optimize schedule',
  summary: 'Say which training job runs when, and on which machine.',
  details:
    'FILE is JSON: {"jobs": [{"name", "seconds", "priority"?, "memory"?}], "machines": [{"name", "speed"?, "memory"?}]}. What is small is the sum of priority times the end of each job. Every way of deciding is shown beside the others.',
  positionals: [{ name: 'FILE', description: 'Jobs and machines.', required: true }],
  flags: decisionFlags,
  examples: ['qt optimize schedule jobs.json', 'qt optimize schedule jobs.json --time 5 --json'],
  async run({ flags, positionals, io }) {
    const { jobs, machines } = await readMeasurements(positionals[0]!, schema)
    const { scheduleJobs } = await need('@qt/quantum', () => import('@qt/quantum/decisions'))
    const schedule = await withInterrupt(async (signal) => scheduleJobs(jobs, machines, await decideOptions(flags, signal)))
    const { decision, ...plan } = schedule
    printDecision(io, decision)
    io.out(`\n${fields(plan.jobs.map(({ machine, job, start, end }) => [machine, job, durationText(start), durationText(end)]))}`)
    io.out(`\nEverything is done after ${durationText(plan.makespan)}.\n`)
    io.document({ ...plan, decision: decisionDocument(decision) })
    return 0
  },
})
