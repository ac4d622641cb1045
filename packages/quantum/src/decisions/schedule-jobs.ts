import { usageError } from '@qt/core'
import type { ChoicePair, ChoiceProblem } from './choice-problem.js'
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
  const fits = jobs.map((job) =>
    machines.flatMap((machine, m) => ((job.memory ?? 0) <= (machine.memory ?? Number.POSITIVE_INFINITY) ? [m] : [])),
  )
  const time = (job: Job, m: number) => job.seconds / (machines[m]!.speed ?? 1)
  const groups = jobs.map((job, i) => {
    if (fits[i]!.length === 0)
      throw usageError('DECISION_INVALID', `The decision cannot be made: no machine has the memory for "${job.name}".`, {
        where: { field: job.name },
        actions: ['Add a machine, or make the job smaller.'],
      })
    return {
      name: job.name,
      options: fits[i]!.map((m) => ({ name: machines[m]!.name, weight: 0, cost: (job.priority ?? 1) * time(job, m) })),
    }
  })
  const pairs: ChoicePair[] = []
  for (const [i, a] of jobs.entries())
    for (let j = i + 1; j < jobs.length; j++)
      for (const [o, m] of fits[i]!.entries()) {
        const p = fits[j]!.indexOf(m)
        if (p < 0) continue
        const [first, last] = before(a, jobs[j]!) ? [a, jobs[j]!] : [jobs[j]!, a]
        pairs.push([i, o, j, p, (last.priority ?? 1) * time(first, m)])
      }
  return { groups, pairs }
}

/** Smith's rule: the shorter and the more urgent first. */
const before = (a: Job, b: Job): boolean => (a.priority ?? 1) * b.seconds >= (b.priority ?? 1) * a.seconds

/** Assigns jobs to machines and orders them, so that what is urgent and short is done early. */
export async function scheduleJobs(
  jobs: readonly Job[],
  machines: readonly Machine[],
  options: DecideOptions = {},
): Promise<Schedule> {
  const problem = scheduleProblem(jobs, machines)
  const decision = await decide(problem, options)
  const scheduled = machines.flatMap((machine) => {
    const own = jobs.filter((_, i) => problem.groups[i]!.options[decision.best.choice[i]!]!.name === machine.name)
    let now = 0
    return own
      .toSorted((a, b) => (before(a, b) ? (before(b, a) ? 0 : -1) : 1))
      .map((job): ScheduledJob => {
        const start = now
        now += job.seconds / (machine.speed ?? 1)
        return { job: job.name, machine: machine.name, start, end: now }
      })
  })
  const priority = new Map(jobs.map((job) => [job.name, job.priority ?? 1]))
  return {
    jobs: scheduled,
    makespan: Math.max(0, ...scheduled.map(({ end }) => end)),
    weightedCompletion: scheduled.reduce((sum, { job, end }) => sum + priority.get(job)! * end, 0),
    decision,
  }
}
