import { QtError, usageError } from '@qt/core'
import { z } from 'zod'
import { jobFailed, type WaitOptions, waitFor } from '../poll.js'
import { answerOf, badAnswer, type CloudAnswer, cloudRequest, type RequestOptions } from '../request.js'
import type { Secret } from '../secret.js'
import { problemSchema, solverSchema, submittedSchema } from './schemas.js'
import { uploadModel } from './upload.js'

export type DWaveProblem = z.infer<typeof problemSchema>

/** A quantum processor or a hybrid solver. */
export interface DWaveSolver {
  readonly name: string
  /** As submissions name it. */
  readonly identity: string | Readonly<Record<string, unknown>>
  readonly category: 'qpu' | 'hybrid' | 'software'
  readonly online: boolean
  /** Of a processor, in the order of the encoding. */
  readonly qubits: readonly number[]
  readonly couplers: readonly (readonly [number, number])[]
  readonly topology: { readonly type: string; readonly shape: readonly number[] } | undefined
  readonly mostReads: number | undefined
  readonly problemTypes: readonly string[]
  /** Of a hybrid solver: variables and the least seconds for so many. */
  readonly minimumTimes: readonly (readonly [number, number])[]
}

export interface DWaveSubmission {
  readonly solver: DWaveSolver
  readonly type: 'ising' | 'qubo' | 'bqm'
  readonly data: object
  readonly params: Readonly<Record<string, unknown>>
  readonly label?: string | undefined
}

export interface DWave {
  solvers(): Promise<DWaveSolver[]>
  /** By name; without one the least loaded processor, or hybrid solver, that is online. */
  solver(name?: string, category?: DWaveSolver['category']): Promise<DWaveSolver>
  submit(submission: DWaveSubmission): Promise<DWaveProblem>
  problem(id: string): Promise<DWaveProblem>
  /** The latest ones. */
  problems(): Promise<DWaveProblem[]>
  /** Until it has ended, well or not. */
  wait(id: string, options?: WaitOptions): Promise<DWaveProblem>
  /** What the solver answered; waits for it, and throws when the problem failed or was cancelled. */
  answer(id: string, options?: WaitOptions): Promise<unknown>
  cancel(id: string): Promise<void>
  /** Uploads the bytes of a model for a hybrid solver; the id of an upload that was interrupted continues it. */
  upload(content: Uint8Array, id?: string): Promise<string>
}

export interface DWaveOptions extends RequestOptions {
  /** https://na-west-1.cloud.dwavesys.com/sapi/v2/ */
  readonly endpoint: string
  readonly token: Secret
}

export type Call = (
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  body?: object,
  headers?: Readonly<Record<string, string>>,
) => Promise<CloudAnswer>

export const regionEndpoint = (region: string): string => `https://${region}.cloud.dwavesys.com/sapi/v2/`

/**
 * D-Wave's solver API. Problems live in the cloud: any process finds them again by their ids.
 *
 * @example
 * ```ts
 * import { dwaveFromEnvironment, sampleQpu } from '@qt/quantum/clouds'
 *
 * const machine = await dwaveFromEnvironment()
 * const { samples } = await sampleQpu(machine, toSpin(quadraticModel({ couplings: [[0, 1, 1], [1, 2, 1], [0, 2, 1]] })), { reads: 100 })
 * samples[0]?.energy
 * ```
 */
export function dwave({ endpoint, token, ...options }: DWaveOptions): DWave {
  const base = endpoint.replace(/\/*$/, '/')
  const call: Call = (method, path, body, headers = {}) => {
    const raw = body instanceof Uint8Array
    const type = raw ? 'application/octet-stream' : 'application/json'
    return cloudRequest(
      {
        service: 'D-Wave',
        method,
        url: base + path,
        headers: { 'x-auth-token': token, ...(body ? { 'content-type': type } : {}), ...headers },
        ...(body === undefined ? {} : { body: raw ? body : JSON.stringify(body) }),
        // Submitting twice would be paid for twice; beginning or completing an upload twice costs nothing.
        ...(path.startsWith('bqm/') ? { repeatable: true } : {}),
      },
      options,
    )
  }
  const problem = async (id: string) =>
    answerOf(await call('GET', `problems/${encodeURIComponent(id)}/`), problemSchema, `problem ${id}`)
  const wait = (id: string, how: WaitOptions = {}) =>
    waitFor(
      id,
      () => problem(id),
      ({ status }) => ended.includes(status),
      { signal: options.signal, ...how },
    )
  const solvers = async () =>
    answerOf(await call('GET', 'solvers/remote/'), z.array(solverSchema), 'the list of solvers')
      .toSorted((a, b) => (a.avg_load ?? 0) - (b.avg_load ?? 0))
      .flatMap(solverOf)
  return {
    solvers,
    async solver(name, category = 'qpu') {
      const all = await solvers()
      const found = all.find((one) => (name === undefined ? one.category === category && one.online : one.name === name))
      if (found) return found
      throw usageError(
        'CLOUD_NOT_FOUND',
        name ? `D-Wave has no solver "${name}" for you.` : `No ${category} solver of D-Wave is online.`,
        {
          actions: [
            all.length === 0
              ? 'Check the region and the project of the token.'
              : `There are ${all.map((one) => one.name).join(', ')}.`,
          ],
        },
      )
    },
    async submit({ solver, type, data, params, label }) {
      const body = [{ solver: solver.identity, type, data, params, ...(label ? { label } : {}) }]
      const [submitted] = answerOf(await call('POST', 'problems/', body), submittedSchema, 'the submission')
      if (submitted && 'status' in submitted && typeof submitted.status === 'string') return problemSchema.parse(submitted)
      throw new QtError({
        code: 'CLOUD_REFUSED',
        message: `D-Wave refuses the problem: ${submitted && 'error_msg' in submitted ? submitted.error_msg : 'without a reason'}.`,
        actions: ['Correct what the message names.'],
      })
    },
    problem,
    problems: async () => answerOf(await call('GET', 'problems/'), z.array(problemSchema), 'the list of problems'),
    wait,
    async answer(id, how) {
      const done = await wait(id, how)
      if (done.status !== 'COMPLETED') throw jobFailed(id, done.status, done.error_message ?? undefined)
      if (done.answer === undefined || done.answer === null) throw badAnswer(`problem ${id} is complete without an answer`)
      return done.answer
    },
    async cancel(id) {
      await call('DELETE', `problems/${encodeURIComponent(id)}/`)
    },
    upload: (content, id) => uploadModel(call, content, id),
  }
}

const ended = ['COMPLETED', 'FAILED', 'CANCELLED']

/** A solver without a name cannot be used. */
function solverOf({ id, identity, status, properties }: z.infer<typeof solverSchema>): DWaveSolver[] {
  const own = identity ?? id
  if (own === undefined || own === null) return []
  const { category, qubits, couplers, topology, num_reads_range, supported_problem_types, minimum_time_limit } = properties
  return [
    {
      name: typeof own === 'string' ? own : own.name,
      identity: own,
      category: category === 'hybrid' || category === 'software' ? category : 'qpu',
      online: status === undefined || status === null || status.toUpperCase() === 'ONLINE',
      qubits: qubits ?? [],
      couplers: couplers ?? [],
      topology: topology ?? undefined,
      mostReads: num_reads_range?.[1],
      problemTypes: supported_problem_types ?? [],
      minimumTimes: minimum_time_limit ?? [],
    },
  ]
}
