import { z } from 'zod'
import type { JobState } from './job-state.js'
import type { LogLine } from './merged-log.js'
import { type ProgramOutcome, runProgram } from './run-program.js'
import type { Submission } from './submission.js'
import { noKubectl, refused } from './submit-errors.js'
import { submitFiles } from './submit-files.js'

type K8sSubmission = Extract<Submission, { to: 'k8s' }>

/** What a cluster calls a job. */
export type K8sJob = Pick<K8sSubmission, 'kind' | 'name' | 'namespace'>

/** Runs kubectl with the user's own settings. */
export async function kubectl(args: readonly string[], input?: string): Promise<ProgramOutcome> {
  const said = await runProgram('kubectl', args, input)
  if (said === undefined) throw noKubectl()
  return said
}

const statusSchema = z.object({
  status: z
    .object({
      active: z.number().default(0),
      failed: z.number().default(0),
      restarts: z.number().optional(),
      conditions: z
        .array(z.object({ type: z.string(), status: z.string(), reason: z.string().optional(), message: z.string().optional() }))
        .default([]),
      replicatedJobsStatus: z.array(z.object({ active: z.number().default(0) })).default([]),
    })
    .optional(),
})

/** Where a Job or JobSet stands. */
export async function k8sJobState({ kind, name, namespace }: K8sJob): Promise<JobState> {
  const said = await kubectl(['get', kind.toLowerCase(), name, '--namespace', namespace, '--output', 'json'])
  if (said.code !== 0) {
    if (said.stderr.includes('(NotFound)')) return { state: 'GONE', phase: 'cancelled', reason: 'it was deleted' }
    throw refused('kubectl', said.stderr)
  }
  const status = statusSchema.parse(JSON.parse(said.stdout)).status
  const holds = status?.conditions.filter((condition) => condition.status === 'True') ?? []
  const failed = holds.find(({ type }) => type === 'Failed')
  if (failed) return { state: 'FAILED', phase: 'failed', reason: failed.message ?? failed.reason }
  if (holds.some(({ type }) => type === 'Complete' || type === 'Completed')) return { state: 'COMPLETE', phase: 'succeeded' }
  if (holds.some(({ type }) => type === 'Suspended')) return { state: 'SUSPENDED', phase: 'waiting' }
  const active = (status?.active ?? 0) + (status?.replicatedJobsStatus.reduce((sum, one) => sum + one.active, 0) ?? 0)
  const restarts = status?.restarts ?? status?.failed ?? 0
  return active > 0 ? { state: 'ACTIVE', phase: 'running', restarts } : { state: 'PENDING', phase: 'waiting', restarts }
}

/** Deletes what was applied; what the run has saved stays on its claim. */
export async function cancelK8sJob({ run }: K8sSubmission): Promise<void> {
  const said = await kubectl(['delete', '--ignore-not-found', '--wait=false', '--filename', submitFiles(run).manifests])
  if (said.code !== 0) throw refused('kubectl', said.stderr)
}

/** `[pod/first-0/train] 2026-11-22T14:00:00.123456789Z text` */
const logLine = /^\[pod\/(\S+)\/train\] (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z) ?(.*)$/

/** Pods that have not begun, or are gone, have no log. */
const noLogYet = /waiting to start|ContainerCreating|PodInitializing|not found|No resources/i

/** Makes times of different length comparable as texts. */
const nanoseconds = (time: string): string => {
  const [whole = '', fraction = ''] = time.replace('Z', '').split('.')
  return `${whole}.${fraction.padEnd(9, '0')}Z`
}

/** What pods have said since the last call, in the order of time. */
export function k8sLog({ kind, name, namespace }: K8sJob): () => Promise<LogLine[]> {
  const selector = `${kind === 'Job' ? 'batch.kubernetes.io/job-name' : 'jobset.sigs.k8s.io/jobset-name'}=${name}`
  const last = new Map<string, string>()
  /** Kubelets write at once, but not at the same moment. */
  const since = () => {
    const newest = [...last.values()].sort().at(-1)
    return newest === undefined
      ? []
      : [`--since-time=${new Date(Date.parse(newest.slice(0, 23).concat('Z')) - 60_000).toISOString()}`]
  }
  return async () => {
    const said = await kubectl([
      ...['logs', '--namespace', namespace, '--selector', selector, '--container', 'train', '--prefix', '--timestamps'],
      ...['--tail=-1', '--max-log-requests=1000', '--ignore-errors'],
      ...since(),
    ])
    if (said.code !== 0) {
      if (noLogYet.test(said.stderr)) return []
      throw refused('kubectl', said.stderr)
    }
    const lines = said.stdout.split('\n').flatMap((line): (LogLine & { pod: string })[] => {
      const [, pod, at, text] = logLine.exec(line) ?? []
      if (pod === undefined || at === undefined || text === undefined) return []
      // JOB-INDEX-RANDOM
      const index = /-(\d+)-[a-z0-9]+$/.exec(pod)?.[1]
      return [{ pod, time: nanoseconds(at), source: index === undefined ? pod : `rank ${index}`, text }]
    })
    const fresh = lines.filter(({ pod, time }) => time > (last.get(pod) ?? ''))
    for (const { pod, time } of fresh) if (time > (last.get(pod) ?? '')) last.set(pod, time)
    return fresh
      .sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
      .map(({ time, source, text }) => ({ time, source, text }))
  }
}
