import { type ChoicePair, type ChoiceProblem, invalid } from './choice-problem.js'
import { type DecideOptions, type Decision, decide } from './decide.js'

export interface Job {
  readonly name: string
  /** On a machine of speed 1. */
  readonly seconds: number
  /** How urgent; 1. */
  readonly priority?: number | undefined
  /** Bytes. */
  readonly memory?: number | undefined
}

export interface Machine {
  readonly name: string
  /** Twice the speed takes half the time; 1. */
  readonly speed?: number | undefined
  readonly memory?: number | undefined
}

export interface ScheduledJob {
  readonly job: string
  readonly machine: string
  readonly start: number
  readonly end: number
}

export interface Schedule {
  readonly jobs: readonly ScheduledJob[]
  /** When the last one ends. */
  readonly makespan: number
  /** Σ priority · end. */
  readonly weightedCompletion: number
  readonly decision: Decision
}

/**
 * Σ priority · end is exactly quadratic: on one machine jobs run by priority / time (Smith's rule, which is optimal there), so of two jobs
 * on a machine the later one waits for the earlier. Skutella, "Convex quadratic and semidefinite relaxations in scheduling", JACM 48 (2001).
 */
export function scheduleProblem(jobs: readonly Job[], machines: readonly Machine[]): ChoiceProblem {
  for (const { name, seconds, priority = 1 } of jobs)
    if (!(seconds >= 0 && priority >= 0)) throw invalid(`the time or priority of "${name}" is no number from 0 on`)
  for (const { name, speed = 1 } of machines) if (!(speed > 0)) throw invalid(`the speed of "${name}" is not positive`)
  const fits = jobs.map((job) => machinesFor(job, machines))
  const groups = jobs.map((job, i) => {
    if (fits[i]!.length === 0) throw invalid(`no machine has the memory for "${job.name}"`)
    return {
      name: job.name,
      options: fits[i]!.map((m) => ({
        name: machines[m]!.name,
        weight: 0,
        cost: (job.priority ?? 1) * timeOn(machines[m]!, job),
      })),
    }
  })
  const pairs: ChoicePair[] = []
  for (const [i, a] of jobs.entries())
    for (let j = i + 1; j < jobs.length; j++)
      for (const [o, m] of fits[i]!.entries()) {
        const p = fits[j]!.indexOf(m)
        if (p < 0) continue
        const [first, last] = before(a, jobs[j]!) ? [a, jobs[j]!] : [jobs[j]!, a]
        pairs.push([i, o, j, p, (last.priority ?? 1) * timeOn(machines[m]!, first)])
      }
  return { groups, pairs }
}

/** The machines that have the memory for a job, by their places. */
const machinesFor = ({ memory = 0 }: Job, machines: readonly Machine[]): number[] =>
  machines.flatMap((machine, m) => (memory <= (machine.memory ?? Number.POSITIVE_INFINITY) ? [m] : []))

const timeOn = ({ speed = 1 }: Machine, { seconds }: Job): number => seconds / speed

/** Smith's rule: the shorter and the more urgent first. */
const before = (a: Job, b: Job): boolean => (a.priority ?? 1) * b.seconds >= (b.priority ?? 1) * a.seconds

/**
 * Assigns jobs to machines and orders them, so that what is urgent and short is done early.
 *
 * @example
 * ```ts
 * import { scheduleJobs } from '@qt/quantum/decisions'
 *
 * const jobs = [{ name: 'long', seconds: 60 }, { name: 'urgent', seconds: 30, priority: 5 }]
 * const { jobs: plan } = await scheduleJobs(jobs, [{ name: 'gpu' }], { time: 0.1 })
 * plan[0] // { job: 'urgent', machine: 'gpu', start: 0, end: 30 }
 * ```
 */
export async function scheduleJobs(
  jobs: readonly Job[],
  machines: readonly Machine[],
  options: DecideOptions = {},
): Promise<Schedule> {
  const decision = await decide(scheduleProblem(jobs, machines), options)
  const chosen = jobs.map((job, i) => machinesFor(job, machines)[decision.best.choice[i]!]!)
  let weightedCompletion = 0
  const scheduled = machines.flatMap((machine, m) => {
    let now = 0
    return jobs
      .filter((_, i) => chosen[i] === m)
      .sort((a, b) => (before(a, b) ? (before(b, a) ? 0 : -1) : 1))
      .map((job): ScheduledJob => {
        const start = now
        now += timeOn(machine, job)
        weightedCompletion += (job.priority ?? 1) * now
        return { job: job.name, machine: machine.name, start, end: now }
      })
  })
  const makespan = scheduled.reduce((last, { end }) => Math.max(last, end), 0)
  return { jobs: scheduled, makespan, weightedCompletion, decision }
}
