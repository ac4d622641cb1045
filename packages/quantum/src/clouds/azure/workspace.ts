import { randomUUID } from 'node:crypto'
import type { z } from 'zod'
import { jobFailed, type WaitOptions, waitFor } from '../poll.js'
import { answerOf, type CloudAnswer, cloudRequest, type RequestOptions } from '../request.js'
import type { Secret } from '../secret.js'
import { type AzureWorkspace, baseOf } from './place.js'
import { type AzureCounts, countsOf } from './results.js'
import { jobSchema, nextPage, pageOf, providerSchema, quotaSchema, sasSchema, sessionSchema } from './schemas.js'
import { type AzureAccess, quantumScope } from './sign-in.js'
import { blobIn, createContainer, getBlob, putBlob, signedAddress, unsigned } from './storage.js'

const version = 'api-version=2026-01-15-preview'

export type AzureJob = z.infer<typeof jobSchema>
export type AzureProvider = z.infer<typeof providerSchema>
export type AzureQuota = z.infer<typeof quotaSchema>
export type AzureSession = z.infer<typeof sessionSchema>

export interface AzureJobInput {
  readonly name: string
  readonly providerId: string
  readonly target: string
  /** `ionq.circuit.v1`, `honeywell.openqasm.v1`, `rigetti.quil.v1`, `pasqal.pulser.v1`, `qir.v1` … */
  readonly inputDataFormat: string
  readonly outputDataFormat: string
  readonly input: string | Uint8Array
  readonly inputParams?: Readonly<Record<string, unknown>>
  readonly sessionId?: string
  readonly priority?: string
  readonly tags?: readonly string[]
  readonly metadata?: Readonly<Record<string, string>>
  /** A UUID of yours: kept before submitting, it finds the job whatever happens in between, and submitting twice makes one job. */
  readonly id?: string
}

export interface AzureQuantum {
  submit(input: AzureJobInput): Promise<AzureJob>
  job(id: string): Promise<AzureJob>
  /** The latest first, page by page. */
  jobs(): AsyncIterable<AzureJob>
  /** Until it has ended, well or not. */
  wait(id: string, options?: WaitOptions): Promise<AzureJob>
  /** The output of a job as it was written; waits for it, and throws when the job failed or was cancelled. */
  output(id: string, options?: WaitOptions): Promise<Uint8Array>
  /** The output, read by its format: how often each bit string was measured. */
  counts(id: string, options?: WaitOptions): Promise<AzureCounts>
  cancel(id: string): Promise<void>
  delete(id: string): Promise<void>
  providers(): Promise<AzureProvider[]>
  quotas(): Promise<AzureQuota[]>
  openSession(session: { name: string; providerId: string; target: string; id?: string }): Promise<AzureSession>
  session(id: string): Promise<AzureSession>
  closeSession(id: string): Promise<AzureSession>
}

export interface AzureOptions extends RequestOptions {
  readonly workspace: AzureWorkspace
  readonly access: AzureAccess
}

/**
 * A workspace of Azure Quantum. Jobs live in the cloud: any process finds them again by their ids.
 *
 * @example
 * ```ts
 * import { azureFromEnvironment, circuitFormats } from '@qt/quantum/clouds'
 *
 * const graph = quadraticModel({ vartype: 'spin', couplings: [[0, 1, 1], [1, 2, 1]] })
 * const { angles } = qaoa(graph)
 * const azure = await azureFromEnvironment()
 * const { id } = await azure.submit({
 *   name: 'max-cut',
 *   providerId: 'ionq',
 *   target: 'ionq.simulator',
 *   ...circuitFormats.ionq,
 *   input: JSON.stringify(ionqCircuit(graph, angles)),
 *   inputParams: { shots: 1000 },
 * })
 * const { outcomes } = await azure.counts(id)
 * ```
 */
export function azureQuantum({ workspace, access, ...options }: AzureOptions): AzureQuantum {
  const base = baseOf(workspace)

  const call = async (
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    body?: unknown,
    accept: readonly number[] = [],
  ) => {
    const url = path.startsWith('https:') || path.startsWith('http:') ? path : `${base}${path}?${version}`
    const send = async (last: boolean): Promise<CloudAnswer> =>
      cloudRequest(
        {
          service: 'Azure Quantum',
          method,
          url,
          headers: {
            ...(await access.headers(quantumScope, options)),
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          accept: last ? accept : [...accept, 401],
          // Asking for an address, cancelling and closing do no more the second time.
          repeatable: true,
        },
        options,
      )
    const answer = await send(false)
    if (answer.status !== 401) return answer
    access.renew()
    return send(true)
  }
  async function* all<T extends z.ZodType>(path: string, item: T): AsyncGenerator<z.infer<T>> {
    const page = pageOf(item)
    for (let next: string | undefined = path; next !== undefined; ) {
      const { value, nextLink }: z.infer<typeof page> = answerOf(await call('GET', next), page, 'the list')
      yield* value
      next = nextLink ? nextPage(nextLink, base) : undefined
    }
  }
  const collect = async <T extends z.ZodType>(path: string, item: T): Promise<z.infer<T>[]> => {
    const found: z.infer<T>[] = []
    for await (const one of all(path, item)) found.push(one)
    return found
  }
  const sign = (containerName: string, blobName?: string) => async (): Promise<Secret> => {
    const answer = await call('POST', '/storage/sasUri', { containerName, ...(blobName ? { blobName } : {}) })
    return signedAddress(answerOf(answer, sasSchema, 'the address of storage').sasUri)
  }
  const job = async (id: string) => answerOf(await call('GET', `/jobs/${encodeURIComponent(id)}`), jobSchema, `job ${id}`)
  const wait = (id: string, how: WaitOptions = {}) =>
    waitFor(
      id,
      () => job(id),
      ({ status }) => ended.includes(status),
      { signal: options.signal, ...how },
    )
  const finished = async (id: string, how?: WaitOptions) => {
    const done = await wait(id, how)
    if (done.status === 'Completed' || done.status === 'Succeeded') return done
    throw jobFailed(id, done.status, done.errorData?.message ?? done.errorData?.code ?? undefined)
  }
  const outputOf = async (done: AzureJob) => {
    let address = done.outputDataUri ? signedAddress(done.outputDataUri.reveal()) : undefined
    return getBlob(async () => {
      // What the job names is signed for a while; afterwards a fresh signature is asked for.
      const given = address
      address = undefined
      return given && new URL(given.reveal()).searchParams.has('sig') ? given : sign(`job-${done.id}`, 'rawOutputData')()
    }, options)
  }
  const sessionAt = async (method: 'GET' | 'PUT' | 'POST', path: string, body?: unknown) =>
    answerOf(await call(method, path, body), sessionSchema, 'the session')

  return {
    async submit({ id = randomUUID(), input, ...details }) {
      const container = await createContainer(sign(`job-${id}`), options)
      const content = typeof input === 'string' ? new TextEncoder().encode(input) : input
      let blob: Secret | undefined = blobIn(container, 'inputData')
      await putBlob(
        async () => {
          const given = blob ?? blobIn(await sign(`job-${id}`)(), 'inputData')
          blob = undefined
          return given
        },
        content,
        contentTypeOf(input, details.inputDataFormat),
        options,
      )
      const body = {
        itemType: 'Job',
        id,
        inputParams: {},
        ...details,
        containerUri: container.reveal(),
        inputDataUri: unsigned(blobIn(container, 'inputData')),
      }
      // 409: an attempt whose answer was lost got through.
      const answer = await call('PUT', `/jobs/${encodeURIComponent(id)}`, body, [409])
      return answer.status === 409 ? job(id) : answerOf(answer, jobSchema, `job ${id}`)
    },
    job,
    jobs: () => all('/jobs', jobSchema),
    wait,
    output: async (id, how) => outputOf(await finished(id, how)),
    async counts(id, how) {
      const done = await finished(id, how)
      return countsOf(done.outputDataFormat ?? '', await outputOf(done))
    },
    async cancel(id) {
      await call('POST', `/jobs/${encodeURIComponent(id)}:cancel`, undefined, [409])
    },
    async delete(id) {
      await call('DELETE', `/jobs/${encodeURIComponent(id)}`)
    },
    providers: () => collect('/providerStatus', providerSchema),
    quotas: () => collect('/quotas', quotaSchema),
    openSession: ({ id = randomUUID(), ...session }) =>
      sessionAt('PUT', `/sessions/${encodeURIComponent(id)}`, { itemType: 'Session', id, jobFailurePolicy: 'Abort', ...session }),
    session: (id) => sessionAt('GET', `/sessions/${encodeURIComponent(id)}`),
    closeSession: (id) => sessionAt('POST', `/sessions/${encodeURIComponent(id)}:close`),
  }
}

/** What Azure's own client says of each format. */
function contentTypeOf(input: string | Uint8Array, format: string): string {
  if (/openqasm/i.test(format)) return 'application/qasm'
  if (typeof input !== 'string') return 'application/octet-stream'
  return /quil/i.test(format) ? 'text/plain' : 'application/json'
}

const ended = ['Completed', 'Succeeded', 'Failed', 'Cancelled']
