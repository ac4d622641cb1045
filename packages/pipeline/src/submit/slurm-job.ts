import type { JobState } from './job-state.js'
import { runProgram } from './run-program.js'
import { refused } from './submit-errors.js'

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
export async function slurmJobState(job: string): Promise<JobState> {
  return (await fromController(job)) ?? (await fromAccounting(job)) ?? { state: 'UNKNOWN', phase: 'unknown' }
}

async function fromController(job: string): Promise<JobState | undefined> {
  const shown = await runProgram('scontrol', ['show', 'job', '--oneliner', job])
  if (shown?.code !== 0) return undefined
  const fields = new Map([...shown.stdout.matchAll(/(?:^|\s)([A-Za-z:]+)=(\S*)/g)].map(([, key, value]) => [key, value]))
  const state = fields.get('JobState')
  if (state === undefined) return undefined
  const said = (key: string) => {
    const value = fields.get(key)
    return value === undefined || ['None', '(null)', 'N/A', ''].includes(value) ? undefined : value
  }
  return {
    state,
    phase: phaseOf(state),
    reason: said('Reason'),
    nodes: said('NodeList'),
    elapsed: said('RunTime'),
    restarts: Number(said('Restarts') ?? 0),
    ...(phaseOf(state) === 'waiting' || phaseOf(state) === 'running'
      ? {}
      : { exitCode: Number.parseInt(said('ExitCode') ?? '', 10) }),
  }
}

async function fromAccounting(job: string): Promise<JobState | undefined> {
  const format = 'State,ExitCode,Elapsed,NodeList'
  const told = await runProgram('sacct', ['--noheader', '--parsable2', '--allocations', `--jobs=${job}`, `--format=${format}`])
  const [state, exitCode, elapsed, nodes] = told?.code === 0 ? (told.stdout.trim().split('\n').at(-1) ?? '').split('|') : []
  // "CANCELLED by 1000"
  const first = state?.split(' ')[0]
  if (first === undefined || first === '') return undefined
  return { state: first, phase: phaseOf(first), nodes, elapsed, exitCode: Number.parseInt(exitCode ?? '', 10) }
}

/** Ends a job; a run that is under way saves itself first, as far as the cluster's patience goes. */
export async function cancelSlurmJob(job: string): Promise<void> {
  const said = await runProgram('scancel', [job])
  if (said?.code !== 0) throw refused('scancel', said?.stderr ?? 'there is no such program here.')
}
