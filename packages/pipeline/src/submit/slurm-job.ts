import type { JobState } from './job-state.js'
import { runProgram } from './run-program.js'
import { refused } from './submit-errors.js'

/** A job by its number, and where several clusters share one Slurm, that of which cluster. */
export interface SlurmJob {
  readonly job: string
  readonly cluster?: string | undefined
}

const clusterFlag = (cluster: string | undefined): string[] => (cluster === undefined ? [] : [`--clusters=${cluster}`])

const phases: Readonly<Record<string, JobState['phase']>> = {
  PENDING: 'waiting',
  REQUEUED: 'waiting',
  REQUEUE_HOLD: 'waiting',
  REQUEUE_FED: 'waiting',
  SPECIAL_EXIT: 'waiting',
  RESV_DEL_HOLD: 'waiting',
  CONFIGURING: 'running',
  RUNNING: 'running',
  COMPLETING: 'running',
  SIGNALING: 'running',
  STAGE_OUT: 'running',
  STOPPED: 'running',
  SUSPENDED: 'running',
  RESIZING: 'running',
  COMPLETED: 'succeeded',
  CANCELLED: 'cancelled',
  REVOKED: 'cancelled',
}

/** What is in no table is one of the many ways to fail: FAILED, TIMEOUT, NODE_FAIL, OUT_OF_MEMORY … */
const phaseOf = (state: string): JobState['phase'] => phases[state] ?? 'failed'

/** A job as the controller knows it, or, once it has forgotten it, as the accounting does. */
export async function slurmJobState({ job, cluster }: SlurmJob): Promise<JobState> {
  const where = clusterFlag(cluster)
  return (await fromController(job, where)) ?? (await fromAccounting(job, where)) ?? { state: 'UNKNOWN', phase: 'unknown' }
}

async function fromController(job: string, where: readonly string[]): Promise<JobState | undefined> {
  const shown = await runProgram('scontrol', [...where, 'show', 'job', '--oneliner', job])
  if (shown?.code === 0) return parseController(shown.stdout)
  // A controller that does not answer has not forgotten the job.
  if (shown && /invalid job id/i.test(shown.stderr)) return undefined
  throw refused('scontrol', shown?.stderr ?? 'there is no such program here.')
}

async function fromAccounting(job: string, where: readonly string[]): Promise<JobState | undefined> {
  const told = await runProgram('sacct', [
    ...where,
    '--noheader',
    '--parsable2',
    '--allocations',
    `--jobs=${job}`,
    `--format=${accountingFields}`,
  ])
  return told?.code === 0 ? parseAccounting(told.stdout) : undefined
}

/** `JobId=7 JobName=qt-run … JobState=RUNNING Reason=None …` */
export function parseController(text: string): JobState | undefined {
  const fields = new Map<string, string>()
  // The first counts: paths, which come later, may look like fields.
  for (const [, key = '', value = ''] of text.matchAll(/(?:^|\s)([A-Za-z:]+)=(\S*)/g))
    if (!fields.has(key)) fields.set(key, value)
  const state = fields.get('JobState')
  if (state === undefined) return undefined
  const said = (key: string) => {
    const value = fields.get(key)
    return value === undefined || ['None', '(null)', 'N/A', ''].includes(value) ? undefined : value
  }
  const phase = phaseOf(state)
  return {
    state,
    phase,
    reason: said('Reason'),
    nodes: said('NodeList'),
    elapsed: said('RunTime'),
    restarts: Number(said('Restarts') ?? 0),
    ...(phase === 'waiting' || phase === 'running' ? {} : { exitCode: Number.parseInt(said('ExitCode') ?? '', 10) }),
  }
}

const accountingFields = 'State,ExitCode,Elapsed,NodeList'

/** `CANCELLED by 1000|0:0|01:02:03|node[1-2]`, a line for each time that the job was queued. */
export function parseAccounting(text: string): JobState | undefined {
  const [said = '', exitCode = '', elapsed, nodes] = (text.trim().split('\n').at(-1) ?? '').split('|')
  const state = said.split(' ')[0]
  if (state === undefined || state === '') return undefined
  return { state, phase: phaseOf(state), nodes, elapsed, exitCode: Number.parseInt(exitCode, 10) }
}

/** Ends a job; a run that is under way saves itself first, as far as the cluster's patience goes. */
export async function cancelSlurmJob({ job, cluster }: SlurmJob): Promise<void> {
  const said = await runProgram('scancel', [...clusterFlag(cluster), job])
  if (said?.code !== 0) throw refused('scancel', said?.stderr ?? 'there is no such program here.')
}
