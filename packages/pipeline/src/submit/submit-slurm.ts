import { existsSync } from 'node:fs'
import { chmod } from 'node:fs/promises'
import { hostname } from 'node:os'
import { nearest, QtError, type TrainingConfig, usageError } from '@qt/core'
import { makeFolder, writeFileAtomic } from '@qt/core/node'
import { stringify } from 'yaml'
import { isOver } from './job-state.js'
import { runProgram } from './run-program.js'
import { sharingOf } from './shared-folder.js'
import { slurmJobState } from './slurm-job.js'
import { type SlurmOptions, slurmSettings } from './slurm-options.js'
import { slurmScript } from './slurm-script.js'
import { findSubmission, type Submission, writeSubmission } from './submission.js'
import { refused } from './submit-errors.js'
import { submitFiles } from './submit-files.js'

export interface SubmitSlurmOptions extends SlurmOptions {
  /** Go on with the run that is in the output folder. */
  readonly resume?: boolean | undefined
}

export interface SlurmSubmission {
  readonly job: string
  readonly run: string
  readonly script: string
  /** What may go wrong later, in plain sentences. */
  readonly warnings: readonly string[]
}

/**
 * Writes the batch script of a training into the run's folder and submits it. Everything that can be is checked before: nothing
 * is written when something is wrong.
 */
export async function submitSlurm(config: TrainingConfig, options: SubmitSlurmOptions = {}): Promise<SlurmSubmission> {
  const settings = slurmSettings(config, options)
  const script = slurmScript(config, options)
  const files = submitFiles(config.output)
  const machines = await clusterOf(settings.partition)
  await requireNoJob(config.output)
  if (existsSync(files.events) && !options.resume)
    throw usageError('RUN_EXISTS', `There is a run in ${config.output} already.`, {
      where: { file: files.events },
      actions: ['Go on with it: add --resume.', 'Choose another "output".', `Delete ${config.output} to start over.`],
    })
  const warnings = await requireShared(files.run, machines)

  await makeFolder(files.folder)
  await makeFolder(files.logs)
  await writeFileAtomic(files.config, stringify(config))
  await writeFileAtomic(files.script, script)
  await chmod(files.script, 0o755)
  const said = await runProgram('sbatch', ['--parsable', files.script])
  if (said?.code !== 0) throw refused('sbatch', said?.stderr ?? 'there is no such program here.')
  // "1234" or "1234;cluster"; what else sbatch has to say (a hint of the site, a limit that was lowered) is a warning.
  const [job = '', cluster] = said.stdout.trim().split(';')
  const submission: Submission = {
    to: 'slurm',
    job,
    ...(cluster === undefined ? {} : { cluster }),
    time: new Date().toISOString(),
    run: files.run,
  }
  await writeSubmission(config.output, submission)
  return { job, run: files.run, script: files.script, warnings: [...warnings, ...(said.stderr === '' ? [] : [said.stderr])] }
}

/** The machines of the partition, or of the one that jobs go to by default; an unknown partition is an error that names the nearest. */
async function clusterOf(partition: string | undefined): Promise<ReadonlySet<string>> {
  const told = await runProgram('sinfo', ['--noheader', '--Node', '--format=%P %n'])
  if (told === undefined)
    throw new QtError({
      code: 'SUBMIT_NO_SLURM',
      message: 'Slurm is not installed on this machine: there is no sinfo.',
      actions: ['Log in to a machine of the cluster from which jobs are submitted.', 'Look at the script with --dry-run.'],
    })
  if (told.code !== 0) throw refused('sinfo', told.stderr)
  // "batch* node1": the star marks the default.
  const rows = [...told.stdout.matchAll(/^(\S+?)(\*?) +(\S+) *$/gm)].map(([, of = '', star, machine = '']) => ({
    of,
    machine,
    standard: star === '*',
  }))
  const partitions = [...new Set(rows.map(({ of }) => of))]
  // Several may be named; Slurm takes the one that begins first.
  const wanted = partition?.split(',')
  const unknown = wanted?.find((one) => !partitions.includes(one))
  if (unknown !== undefined) {
    const near = nearest(unknown, partitions)
    throw usageError('SUBMIT_UNKNOWN_PARTITION', `The cluster has no partition "${unknown}".`, {
      where: { field: 'partition' },
      actions: [...(near ? [`Did you mean "${near}"?`] : []), `Choose one of: ${partitions.join(', ')}.`],
    })
  }
  return new Set(rows.filter(({ of, standard }) => wanted?.includes(of) ?? standard).map(({ machine }) => machine))
}

/** Two jobs that write to one run would spoil it. */
async function requireNoJob(output: string): Promise<void> {
  const earlier = await findSubmission(output)
  if (earlier?.to !== 'slurm') return
  const state = await slurmJobState(earlier)
  if (state.phase === 'unknown' || isOver(state)) return
  throw usageError('SUBMIT_ACTIVE', `Job ${earlier.job} of this run is ${state.state}.`, {
    where: { file: output },
    actions: [`Wait for it, or cancel it: qt submit cancel ${output}`, 'Choose another "output".'],
  })
}

async function requireShared(run: string, machines: ReadonlySet<string>): Promise<string[]> {
  const here = hostname().split('.')[0] ?? ''
  if ([...machines].every((machine) => machine === here || machine === hostname())) return []
  const { shared, why } = await sharingOf(run)
  if (shared === 'no')
    throw usageError('SUBMIT_NOT_SHARED', `The machines of the cluster cannot see the run's folder ${run}: ${why}.`, {
      where: { file: run, field: 'output' },
      actions: ['Choose an "output" on a file system that all machines share: your home folder, or a project folder.'],
    })
  return shared === 'maybe' ? [`${run} must be on a file system that all machines share; ${why}.`] : []
}
