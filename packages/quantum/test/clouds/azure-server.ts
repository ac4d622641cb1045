import { type Answer, type Asked, type Server, serve } from './serve.js'

export const ids = { subscription: 'sub-1', resourceGroup: 'group', name: 'space' }
export const apiKey = 'key-4f1c9a77'
const base = '/subscriptions/sub-1/resourceGroups/group/providers/Microsoft.Quantum/workspaces/space'

interface StoredJob {
  readonly details: Record<string, unknown>
  status: string
  looks: number
}

export interface AzureServer extends Server {
  readonly jobs: Map<string, StoredJob>
  readonly blobs: Map<string, Buffer>
  /** Signatures that storage no longer takes. */
  readonly expired: Set<string>
  /** What finished jobs write, and how they end. */
  output: unknown
  end: string
  tokens: number
}

/** Azure Quantum's data plane, its storage, Entra ID and the resource manager, as far as the REST documentation says. */
export async function azureServer(): Promise<AzureServer> {
  const jobs = new Map<string, StoredJob>()
  const blobs = new Map<string, Buffer>()
  const containers = new Set<string>()
  const expired = new Set<string>()
  let signatures = 0
  const valid = new Set<string>()

  const storage = ({ method, path, query, body, headers }: Asked): Answer => {
    const signature = query.get('sig') ?? ''
    if (!valid.has(signature) || expired.has(signature))
      return { status: 403, body: '<?xml version="1.0"?><Error><Code>AuthenticationFailed</Code></Error>' }
    if (query.get('restype') === 'container') {
      if (containers.has(path)) return { status: 409, body: '<Error><Code>ContainerAlreadyExists</Code></Error>' }
      containers.add(path)
      return { status: 201 }
    }
    if (method === 'PUT') {
      if (headers['x-ms-blob-type'] !== 'BlockBlob')
        return { status: 400, body: '<Error><Code>MissingRequiredHeader</Code></Error>' }
      blobs.set(path, body)
      return { status: 201 }
    }
    const blob = blobs.get(path)
    return blob ? { body: blob } : { status: 404, body: '<Error><Code>BlobNotFound</Code></Error>' }
  }
  const sign = (path: string) => {
    const signature = `s${++signatures}`
    valid.add(signature)
    return `${server.url}/storage-account/${path}?sv=2021-08-06&sig=${signature}`
  }
  const view = (id: string, job: StoredJob) => ({
    ...job.details,
    id,
    status: job.status,
    ...(job.status === 'Succeeded'
      ? { outputDataUri: sign(`job-${id}/rawOutputData`), costEstimate: { currencyCode: 'USD', estimatedTotal: 1.25 } }
      : {}),
    ...(job.status === 'Failed' ? { errorData: { code: 'InvalidCircuit', message: 'Gate foo is unknown.' } } : {}),
  })
  const workspace = (asked: Asked): Answer => {
    const { headers, method, body } = asked
    const known = headers['x-ms-quantum-api-key'] === apiKey || headers.authorization === `Bearer token-${server.tokens}`
    if (!known)
      return {
        status: 401,
        body: { error: { code: 'Unauthorized', message: `No access with ${headers['x-ms-quantum-api-key']}` } },
      }
    if (asked.query.get('api-version') !== '2026-01-15-preview')
      return { status: 400, body: { error: { message: 'No such version' } } }
    const path = asked.path.slice(base.length)
    const json: Record<string, unknown> = body.length > 0 ? JSON.parse(body.toString()) : {}
    if (path === '/storage/sasUri')
      return { body: { sasUri: sign([json.containerName, json.blobName].filter(Boolean).join('/')) } }
    if (path === '/providerStatus')
      return {
        body: {
          value: [{ id: 'ionq', currentAvailability: 'Available', targets: [{ id: 'ionq.simulator', averageQueueTime: 3 }] }],
        },
      }
    if (path === '/quotas')
      return { body: { value: [{ dimension: 'qgs', providerId: 'ionq', utilization: 2, limit: 10, period: 'Monthly' }] } }
    const session = /^\/sessions\/([^/:]+)(:close)?$/.exec(path)
    if (session) return { body: { id: session[1], status: session[2] ? 'Succeeded' : 'Waiting' } }
    if (path === '/jobs') {
      const all = [...jobs].map(([id, job]) => view(id, job))
      const skip = Number(asked.query.get('$skip') ?? 0)
      const next = `${server.url}${base}/jobs?api-version=2026-01-15-preview&$skip=${skip + 2}`
      return { body: { value: all.slice(skip, skip + 2), ...(skip + 2 < all.length ? { nextLink: next } : {}) } }
    }
    const [, id = '', cancel] = /^\/jobs\/([^/:]+)(:cancel)?$/.exec(path) ?? []
    const job = jobs.get(id)
    if (method === 'PUT') {
      if (job) return { status: 409, body: { error: { code: 'JobAlreadyExists' } } }
      jobs.set(id, { details: json, status: 'Queued', looks: 0 })
      return { status: 201, body: view(id, jobs.get(id)!) }
    }
    if (!job) return { status: 404, body: { error: { code: 'NotFound', message: 'There is no such job.' } } }
    if (cancel) {
      job.status = 'Cancelled'
      return { status: 200, body: view(id, job) }
    }
    if (method === 'DELETE') {
      jobs.delete(id)
      return { status: 204 }
    }
    if (job.status === 'Queued' || job.status === 'Executing') {
      job.looks++
      job.status = job.looks < 2 ? 'Queued' : job.looks < 4 ? 'Executing' : server.end
      if (job.status === 'Succeeded')
        blobs.set(
          `/storage-account/job-${id}/rawOutputData`,
          Buffer.from(typeof server.output === 'string' ? server.output : JSON.stringify(server.output)),
        )
    }
    return { body: view(id, job) }
  }
  let codeLooks = 0
  const entra = ({ path, body }: Asked): Answer => {
    const form = new URLSearchParams(body.toString())
    if (path.endsWith('/devicecode'))
      return {
        body: {
          device_code: 'dev',
          user_code: 'ABCD',
          verification_uri: 'https://example.test/device',
          expires_in: 30,
          interval: 0.01,
        },
      }
    const grant = form.get('grant_type')
    if (grant === 'client_credentials' && form.get('client_secret') !== 'hush-hush')
      return {
        status: 401,
        body: { error: 'invalid_client', error_description: 'AADSTS7000215: Invalid client secret.\r\nTrace' },
      }
    if (grant?.endsWith('device_code') && ++codeLooks < 3)
      return { status: 400, body: { error: codeLooks === 1 ? 'authorization_pending' : 'slow_down' } }
    return {
      body: {
        access_token: `token-${++server.tokens}`,
        expires_in: 3600,
        ...(grant === 'client_credentials' ? {} : { refresh_token: 'again' }),
      },
    }
  }
  const server: AzureServer = Object.assign(
    await serve((asked) => {
      if (asked.path.startsWith('/storage-account/')) return storage(asked)
      if (asked.path.startsWith('/tenant/oauth2/')) return entra(asked)
      if (asked.path === '/subscriptions/sub-1/providers/Microsoft.Quantum/workspaces')
        return {
          body: {
            value: [
              {
                id: '/subscriptions/sub-1/resourceGroups/group/providers/Microsoft.Quantum/Workspaces/space',
                name: 'space',
                location: 'eastus',
                properties: { endpointUri: server.url, workspaceKind: 'V2' },
              },
            ],
          },
        }
      if (asked.path.startsWith(base)) return workspace(asked)
      return { status: 404, body: { error: { message: 'Nothing here.' } } }
    }),
    { jobs, blobs, expired, output: { histogram: { '0': 0.5, '3': 0.5 } }, end: 'Succeeded', tokens: 0 },
  )
  return server
}
