import { usageError } from '@qt/core'
import { chainStrengthOf, embedModel, unembed } from '../../embedding/embed-model.js'
import { type Embedding, findEmbedding } from '../../embedding/find-embedding.js'
import { writeBqm } from '../../formats/write-bqm.js'
import { energyOf, type QuadraticModel } from '../../quadratic.js'
import type { WaitOptions } from '../poll.js'
import { badAnswer } from '../request.js'
import type { DWave } from './client.js'
import { decodeQp, encodeQp } from './qp.js'
import { byEnergy, decodeSampleSet, type Sample } from './sample-set.js'

/** What finds a submitted problem again and reads its answer: plain JSON, to be kept where the process may die. */
export interface DWaveTicket {
  readonly id: string
  readonly solver: string
  /** The qubits of each variable; of processors only. */
  readonly embedding?: Embedding
}

export interface SampleResult {
  readonly ticket: DWaveTicket
  /** The best first. */
  readonly samples: readonly Sample[]
  readonly timing?: Readonly<Record<string, unknown>> | undefined
}

export interface SampleOptions {
  /** The name of a solver; left out: the least loaded one that is online. */
  readonly solver?: string | undefined
  readonly label?: string | undefined
  /** Further parameters of the solver, by its own names. */
  readonly params?: Readonly<Record<string, unknown>> | undefined
  /** Hears of the ticket before the wait begins: what a wait that timed out or was aborted is gone on with, by `collectSamples`. */
  readonly onTicket?: ((ticket: DWaveTicket) => void) | undefined
}

export interface QpuOptions extends SampleOptions {
  /** 100. */
  readonly reads?: number | undefined
  /** Of the embedding's search. */
  readonly seed?: number | undefined
  readonly embedding?: Embedding | undefined
  /** In the units of the model; about what its couplings pull unless given. */
  readonly chainStrength?: number | undefined
  /** Ends the search for an embedding between its rounds. */
  readonly signal?: AbortSignal | undefined
}

/** Submits a model to a quantum processor: finds qubits for it, and returns what the answer is read with. */
export async function submitQpu(machine: DWave, model: QuadraticModel, options: QpuOptions = {}): Promise<DWaveTicket> {
  const solver = await machine.solver(options.solver, 'qpu')
  const graph = { nodes: solver.qubits, edges: solver.couplers }
  const embedding = options.embedding ?? findEmbedding(model, graph, { seed: options.seed, signal: options.signal })
  const chainStrength = options.chainStrength ?? chainStrengthOf(model)
  const { linear, couplings } = embedModel(model, embedding, graph, { chainStrength })
  const reads = options.reads ?? 100
  if (solver.mostReads !== undefined && reads > solver.mostReads)
    throw usageError('QUBO_OPTION', `"reads" is ${reads}; ${solver.name} does at most ${solver.mostReads}.`, {
      where: { field: 'reads' },
    })
  const { id } = await machine.submit({
    solver,
    type: 'ising',
    data: encodeQp({ linear, couplings }, solver.qubits, solver.couplers),
    params: { num_reads: reads, answer_mode: 'histogram', ...options.params },
    label: options.label,
  })
  return { id, solver: solver.name, embedding }
}

export interface HybridOptions extends SampleOptions {
  /** Seconds; the least that the solver takes for so many variables unless given. */
  readonly time?: number | undefined
}

/** Submits a model to a hybrid solver, which takes it as it is. */
export async function submitHybrid(machine: DWave, model: QuadraticModel, options: HybridOptions = {}): Promise<DWaveTicket> {
  const solver = await machine.solver(options.solver, 'hybrid')
  const data = await machine.upload(writeBqm(model))
  const { id } = await machine.submit({
    solver,
    type: 'bqm',
    data: { format: 'ref', data },
    params: { time_limit: options.time ?? leastTime(solver.minimumTimes, model.size), ...options.params },
    label: options.label,
  })
  return { id, solver: solver.name }
}

/** The answer to a submitted problem, also after the process that submitted it died. */
export async function collectSamples(
  machine: DWave,
  model: QuadraticModel,
  ticket: DWaveTicket,
  wait?: WaitOptions,
): Promise<SampleResult> {
  const answer = await machine.answer(ticket.id, wait)
  if (ticket.embedding === undefined) return { ticket, ...decodeSampleSet(answer, model) }
  const { qubits, bits, occurrences, timing } = decodeQp(answer)
  const used = new Set(qubits)
  if (ticket.embedding.some((chain) => chain.some((qubit) => !used.has(qubit))))
    throw badAnswer('the samples lack qubits of the problem')
  const samples = bits.map((row, k): Sample => {
    const bitOf = new Map(qubits.map((qubit, at) => [qubit, row[at]!]))
    const { solution, broken } = unembed(model, ticket.embedding!, (qubit) => bitOf.get(qubit)!)
    return { solution, energy: energyOf(model, solution), occurrences: occurrences[k]!, brokenChains: broken }
  })
  return { ticket, samples: byEnergy(samples), timing }
}

/** Submits to a quantum processor and waits. */
export async function sampleQpu(
  machine: DWave,
  model: QuadraticModel,
  options?: QpuOptions & WaitOptions,
): Promise<SampleResult> {
  const ticket = await submitQpu(machine, model, options)
  options?.onTicket?.(ticket)
  return collectSamples(machine, model, ticket, options)
}

/** Submits to a hybrid solver and waits. */
export async function sampleHybrid(
  machine: DWave,
  model: QuadraticModel,
  options?: HybridOptions & WaitOptions,
): Promise<SampleResult> {
  const ticket = await submitHybrid(machine, model, options)
  options?.onTicket?.(ticket)
  return collectSamples(machine, model, ticket, options)
}

/** Linear between the points that the solver names. */
function leastTime(points: readonly (readonly [number, number])[], size: number): number {
  const next = points.findIndex(([variables]) => variables >= size)
  if (points.length === 0) return 3
  if (next <= 0) return points[next === 0 ? 0 : points.length - 1]![1]
  const [[a, s], [b, t]] = [points[next - 1]!, points[next]!]
  return s + ((t - s) * (size - a)) / (b - a)
}
