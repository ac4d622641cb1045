import { createReadStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import { command, tail } from '../src/command.js'
import type { Absent, Case, Contender, Measures } from './case.js'
import { median, spread } from './statistics.js'

export interface ContenderResult {
  readonly name: string
  readonly side: 'ours' | 'peer'
  readonly runs: readonly Measures[]
  readonly medians: Measures
  /** Of the first metric. */
  readonly spread: number | undefined
  /** Why there are no figures. */
  readonly absent?: string
  readonly failed?: string
}

export interface CaseResult {
  readonly name: string
  readonly title: string
  readonly conditions: string
  readonly rounds: number
  readonly results: readonly ContenderResult[]
}

type Side = ContenderResult['side']

/**
 * Runs the contenders of a case in turns, C A B, A B C, …, so that a machine that slows down slows all of them down,
 * and takes the median of each metric. The last one begins, a peer where there is one: what it wrote is there for ours to be
 * compared with, even in a single round. A contender that fails is not run again.
 */
export async function runCase(item: Case, rounds: number, say: (line: string) => void): Promise<CaseResult> {
  const entries: { side: Side; contender: Contender | Absent }[] = [
    ...item.ours.map((contender) => ({ side: 'ours' as const, contender })),
    ...item.peers.map((contender) => ({ side: 'peer' as const, contender })),
  ]
  const runs = new Map<string, Measures[]>()
  const failed = new Map<string, string>()
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < entries.length; turn++) {
      const { contender } = entries[(turn + round + entries.length - 1) % entries.length]!
      if ('absent' in contender || failed.has(contender.name)) continue
      say(`${item.name}  run ${round + 1} of ${rounds}  ${contender.name}`)
      try {
        runs.set(contender.name, [...(runs.get(contender.name) ?? []), await runOnce(contender, item.inputs)])
      } catch (error) {
        failed.set(contender.name, error instanceof Error ? error.message : String(error))
        say(`  failed: ${failed.get(contender.name)}`)
      }
    }
  }
  const results = entries.map(({ side, contender }): ContenderResult => {
    const base = { name: contender.name, side }
    const measured = runs.get(contender.name) ?? []
    const failure = failed.get(contender.name)
    if ('absent' in contender) return { ...base, runs: [], medians: {}, spread: undefined, absent: contender.absent }
    if (failure !== undefined) return { ...base, runs: measured, medians: {}, spread: undefined, failed: failure }
    const first = measured.flatMap((run) => run[item.metrics[0].key] ?? [])
    return { ...base, runs: measured, medians: medians(measured), spread: first.length ? spread(first) : undefined }
  })
  return { name: item.name, title: item.title, conditions: item.conditions, rounds, results }
}

async function runOnce(contender: Contender, inputs: readonly string[]): Promise<Measures> {
  // Each time, since some kernels soon take the pages of idle files back. Not held in memory: Linux counts what a process holds when it
  // starts another into the other's peak.
  for (const input of inputs) await finished(createReadStream(input).resume())
  await contender.prepare?.()
  const [program, ...args] = contender.command
  const started = Date.now()
  const clock = process.hrtime.bigint()
  const result = await command(program, args, contender.env ? { env: contender.env } : {})
  const seconds = Number(process.hrtime.bigint() - clock) / 1e9
  if (result.code !== 0) throw new Error(`exit code ${result.code}\n${tail(result, 15)}`)
  return contender.parse({ stdout: result.stdout, seconds, started })
}

function medians(runs: readonly Measures[]): Measures {
  const keys = new Set(runs.flatMap((run) => Object.keys(run)))
  return Object.fromEntries([...keys].map((key) => [key, median(runs.flatMap((run) => run[key] ?? []))]))
}
