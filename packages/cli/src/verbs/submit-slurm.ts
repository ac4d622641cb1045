import { resolve } from 'node:path'
import { shellWord } from '@qt/core'
import { defineVerb, type Flags } from '../args/verb.js'
import { cluster, followJob } from '../follow-job.js'
import { submittedConfig, submittedConfigFlags } from '../submitted-config.js'

const own = {
  nodes: { type: 'number', value: 'N', description: 'Machines (default 1).' },
  'tasks-per-node': { type: 'number', value: 'N', description: 'Processes on each, one for each GPU as a rule (default 1).' },
  'gpus-per-node': { type: 'text', value: 'N', description: 'GPUs of each: 4, or with their type, h100:4.' },
  'cpus-per-task': { type: 'number', value: 'N', description: 'Processor cores of each process.' },
  mem: { type: 'text', value: 'SIZE', description: 'Memory of each machine: 32G.' },
  time: { type: 'text', value: 'TIME', description: 'Time limit: 12:00:00, or 2-12 for days and hours.' },
  partition: { type: 'text', value: 'NAME', description: 'Partition of the cluster.' },
  account: { type: 'text', value: 'NAME', description: 'Account that pays.' },
  name: { type: 'text', value: 'NAME', description: 'Name of the job (default that of the run).' },
  requeue: { type: 'boolean', description: 'Queue again at the time limit and go on (default; --no-requeue).' },
  grace: { type: 'number', value: 'SECONDS', description: 'Time kept before the limit to save (default 120).' },
  mpi: { type: 'text', value: 'NAME', description: 'pmix, or none: by RANK and MASTER_ADDR (default pmix for several).' },
  setup: { type: 'text', value: 'LINE', description: 'A shell line that comes first, such as "module load node".', many: true },
  command: { type: 'text', value: 'COMMAND', description: 'What starts qt on the machines (default this one).' },
  resume: { type: 'boolean', description: 'Go on with the run that is in the output folder.' },
  'dry-run': { type: 'boolean', description: 'Print the script, and write and submit nothing.' },
  wait: { type: 'boolean', description: 'Wait until the job has ended.' },
  follow: { type: 'boolean', description: 'Wait, and print the log of all processes.' },
} as const satisfies Flags

export const submitSlurm = defineVerb({
  name: 'submit slurm',
  summary: 'Train on a cluster with Slurm.',
  details:
    'Writes a batch script into the run’s folder and submits it. The job saves itself before its time limit, queues itself again and goes ' +
    'on where it was. Paths are relative to where this is run, on a file system that the machines share.',
  flags: { ...submittedConfigFlags, ...own },
  examples: [
    'qt submit slurm --config train.yaml --time 12:00:00 --mem 32G --dry-run',
    'qt submit slurm --config train.yaml --nodes 2 --tasks-per-node 4 --gpus-per-node 4 --partition gpu --follow',
  ],
  async run({ flags, io }) {
    const config = await submittedConfig(flags)
    const options = {
      nodes: flags.nodes,
      tasksPerNode: flags['tasks-per-node'],
      gpusPerNode: flags['gpus-per-node'],
      cpusPerTask: flags['cpus-per-task'],
      memory: flags.mem,
      time: flags.time,
      partition: flags.partition,
      account: flags.account,
      name: flags.name,
      requeue: flags.requeue,
      grace: flags.grace,
      mpi: flags.mpi,
      setup: flags.setup,
      command: flags.command ?? thisCommand(),
      resume: flags.resume,
    }
    const slurm = await cluster()
    if (flags['dry-run']) {
      const script = slurm.slurmScript(config, options)
      io.out(script)
      io.document({ script })
      return 0
    }
    const submitted = await slurm.submitSlurm(config, options)
    for (const warning of submitted.warnings) io.note(`warning: ${warning}\n`)
    io.out(`Job ${submitted.job} is submitted.\n  run     ${submitted.run}\n  script  ${submitted.script}\n`)
    if (!flags.wait && !flags.follow) {
      io.document(submitted)
      return 0
    }
    const state = await followJob(await slurm.readSubmission(config.output), io, flags.follow === true)
    io.document({ ...submitted, ...state })
    return 0
  },
})

/** This program by its path, on this Node: what else would start it (npx) may keep signals for itself. */
const thisCommand = (): string => [process.execPath, resolve(process.argv[1] ?? 'qt')].map(shellWord).join(' ')
