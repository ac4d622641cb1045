import { join } from 'node:path'
import { QtError } from '@qt/core'
import { carryOut, type Outcome, type Place } from './carry-out.js'
import { type Difference, differenceOf, nameOf } from './compare.js'
import { modelAt } from './draw-model.js'
import type { Comparison, Way } from './draw-ways.js'
import { draws } from './draws.js'
import { drawJob, type Job } from './job.js'
import { smaller } from './shrink.js'

export interface Failure {
  readonly number: number
  /** As small as it was made, with the one comparison that fails. */
  readonly job: Job
  readonly difference: Difference
}

export interface FuzzOptions {
  readonly seed: number
  readonly first?: number
  readonly count: number
  /** Left out: both. */
  readonly device?: 'cpu' | 'cuda' | undefined
  readonly shrink?: boolean
  readonly say: (line: string) => void
}

/** Draws jobs and carries them out; gives those whose ways do not agree. */
export async function fuzz(
  { seed, first = 0, count, device, shrink = true, say }: FuzzOptions,
  place: Place,
): Promise<Failure[]> {
  const failures: Failure[] = []
  for (let number = first; number < first + count; number++) {
    const job = await possible(drawJob(draws(seed, number), device), place)
    const outcomes = new Map<string, Promise<Outcome>>()
    const outcome = (way: Way): Promise<Outcome> => {
      const name = nameOf(way)
      const there = outcomes.get(name) ?? carryOut(job, way, place)
      outcomes.set(name, there)
      return there
    }
    const begun = performance.now()
    const ended: string[] = []
    for (const comparison of job.comparisons) {
      const found = [await outcome(comparison.ways[0]), await outcome(comparison.ways[1])] as const
      const difference = differenceOf(job, comparison, found)
      ended.push(found[0].how === 'refused' ? found[0].problem.code! : difference ? 'DIFFERS' : comparison.alike)
      if (!difference) continue
      const only: Job = { ...job, comparisons: [comparison] }
      say(`${number}: ${difference.text}`)
      say(`  ${lineOf(only)}`)
      const least = shrink ? await shrunk(only, difference, place) : only
      if (shrink) say(`  smaller: ${lineOf(least)}`)
      failures.push({ number, job: least, difference })
    }
    say(`${number}: ${ended.join(', ')} (${((performance.now() - begun) / 1000).toFixed(1)} s)`)
  }
  return failures
}

/** A command that repeats a job. */
export const lineOf = (job: Job): string => `npx tsx tools/fuzz-training/main.ts --job '${JSON.stringify(job)}'`

/** What one comparison of a job finds. */
export async function compared(job: Job, comparison: Comparison, place: Place): Promise<Difference | undefined> {
  const [one, other] = comparison.ways
  return differenceOf(job, comparison, [await carryOut(job, one, place), await carryOut(job, other, place)])
}

/** Some models cannot be GGUF files; they are what they are as folders. */
async function possible(job: Job, { folder }: Place): Promise<Job> {
  if (!job.model) return job
  try {
    await modelAt(join(folder, 'models'), job.model)
    return job
  } catch (error) {
    if (!QtError.isInstance(error)) throw error
    return { ...job, model: { ...job.model, file: 'folder' } }
  }
}

const mostTries = 80

/** Leaves out one thing after the other, as long as the ways still differ in the same manner. */
async function shrunk(job: Job, { kind }: Difference, place: Place): Promise<Job> {
  let least = job
  let tries = 0
  for (let found = true; found; ) {
    found = false
    for (const candidate of smaller(least)) {
      if (++tries > mostTries) return least
      const difference = await compared(candidate, candidate.comparisons[0]!, place).catch(() => undefined)
      if (difference?.kind !== kind) continue
      least = candidate
      found = true
      break
    }
  }
  return least
}
