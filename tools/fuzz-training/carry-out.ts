import { existsSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { TrainingConfigInput } from '@qt/core'
import type { Crew, Ending } from './crew.js'
import { modelAt, tokenizerFile } from './draw-model.js'
import { rowsAt } from './draw-rows.js'
import { alone, type Stop, type Way } from './draw-ways.js'
import { inProcesses } from './in-processes.js'
import type { Job } from './job.js'
import type { Problem } from './messages.js'
import { type Result, resultOf } from './result.js'

/** What became of a job in one of its ways. */
export type Outcome =
  | { readonly how: 'trained'; readonly result: Result }
  /** With a typed error, the same in all processes. */
  | { readonly how: 'refused'; readonly problem: Problem; readonly begun: boolean }
  /** What must never be: a crash, a hang, an error that is not for people. */
  | { readonly how: 'broken'; readonly why: string }

export interface Place {
  readonly folder: string
  readonly crew: Crew
}

interface Files {
  readonly base: string | undefined
  readonly rows: string
  readonly output: string
  /** An adapter that a run begins with. */
  readonly init?: string
}

let runs = 0

/** Carries a job out in one way; what it writes is read and taken away again. */
export async function carryOut(job: Job, way: Way, { folder, crew }: Place): Promise<Outcome> {
  const output = join(folder, `run-${++runs}`)
  const files: Files = {
    base: job.model && (await modelAt(join(folder, 'models'), job.model)),
    rows: await rowsAt(folder, job.rows),
    output,
  }
  const before = { ...files, output: `${output}-before` }
  try {
    if (!job.config.goesOn) return await outcomeOf(await turns(job, way, files, crew), output)
    const begun = await outcomeOf(await turns(job, alone, before, crew), before.output)
    if (begun.how !== 'trained') return begun
    return await outcomeOf(await turns(job, way, { ...files, init: join(before.output, 'adapter') }, crew), output)
  } finally {
    for (const file of [output, before.output, `${output}.json`, `${output}.full`])
      await rm(file, { recursive: true, force: true })
  }
}

/** From the beginning to the end, with all that comes in between. */
async function turns(job: Job, way: Way, files: Files, crew: Crew): Promise<Ending[]> {
  let config = configOf(job, way, files)
  let settings = way
  let processes = way.processes ?? 1
  for (const [turn, stop] of [...(way.stops ?? []), undefined].entries()) {
    const endings = await inProcesses({ processes, config, resume: turn > 0, stop, way: settings }, crew)
    if (stop === undefined || endings.every(({ how }) => how === 'done') || !endings.every((ending) => isEndOf(stop, ending)))
      return endings
    const { device, training } = stop.change ?? {}
    settings = { ...settings, ...(device && { device }), training: { ...settings.training, ...training } }
    const next = configOf(job, { ...settings, processes: stop.then }, files)
    // Steps that do not divide are kept by what was saved of them.
    const divides = Number.isInteger(next.training.gradAccumulation)
    if (!divides && !(await hasCheckpoint(files.output))) continue
    processes = stop.then
    config = divides ? next : { ...next, training: { ...next.training, gradAccumulation: config.training.gradAccumulation } }
  }
  return []
}

const hasCheckpoint = async (output: string): Promise<boolean> =>
  (await readdir(join(output, 'checkpoints')).catch(() => [])).some((name) => name.startsWith('step-'))

/** How a process may end that is told to stop, or killed, or that hears of it. */
const isEndOf = ({ how }: Stop, ending: Ending): boolean =>
  ending.how === 'done' ||
  (how === 'killed' && ending.how === 'died' && ending.why === 'SIGKILL') ||
  (ending.how === 'failed' &&
    (how === 'killed' ? ending.problem.code === 'RANK_LOST' : ending.problem.code === 'RUN_PAUSED' || ending.problem.stopped))

const formats = { tokens: 'tokens', pairs: 'preference', texts: 'text' } as const

function configOf(job: Job, way: Way, { base, rows, output, init }: Files) {
  const { validation, tooLong, architecture, goesOn: _, adapter, training: drawn, ...settings } = job.config
  const { processes = 1, joined = 1, device, threads = 1 } = way
  const training = { ...drawn, ...way.training }
  const texts = job.rows.kind === 'texts'
  // Whoever goes on alone shares no blocks.
  const tensorParallel = processes % (training.tensorParallel ?? 1) === 0 ? (training.tensorParallel ?? 1) : 1
  const { dropout, frozen, loraPlusRatio } = adapter ?? {}
  return {
    ...settings,
    ...(base !== undefined && { base }),
    ...(adapter && { adapter: init === undefined ? adapter : { init, dropout, frozen, loraPlusRatio } }),
    // A tokenizer says how large the vocabulary is.
    ...(architecture && {
      architecture: texts ? { ...architecture, vocab: undefined } : architecture,
      ...(texts && { tokenizer: tokenizerFile }),
    }),
    data: {
      path: rows,
      format: formats[job.rows.kind],
      ...(texts && tooLong && { tooLong }),
      ...(validation !== undefined && { validation }),
    },
    training: {
      ...training,
      tensorParallel,
      batchSize: drawn.batchSize * joined,
      gradAccumulation: (drawn.gradAccumulation / joined / processes) * tensorParallel,
    },
    ...(device && { device }),
    threads,
    output,
  } satisfies TrainingConfigInput
}

async function outcomeOf(endings: readonly Ending[], output: string): Promise<Outcome> {
  const died = endings.find((ending) => ending.how === 'died')
  if (died) return { how: 'broken', why: `a process died: ${died.why}` }
  const problems = endings.flatMap((ending) => (ending.how === 'failed' ? [ending.problem] : []))
  const [problem] = problems
  if (!problem) return { how: 'trained', result: await resultOf(output) }
  const wrong = problems.find(({ code, actions }) => code === undefined || code === 'ENGINE_FAILED' || actions === 0)
  if (wrong) return { how: 'broken', why: `${wrong.code ?? 'a plain error'}: ${wrong.message}\n${wrong.stack ?? ''}` }
  if (problems.length < endings.length || problems.some(({ code }) => code !== problem.code)) {
    const each = endings.map((ending) =>
      ending.how === 'failed' ? `${ending.problem.code} (${ending.problem.message})` : ending.how,
    )
    return { how: 'broken', why: `processes ended differently: ${each.join(', ')}` }
  }
  return { how: 'refused', problem, begun: existsSync(output) }
}
