import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { QtError } from '@qt/core'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import {
  type AzureJobInput,
  apiKeyAccess,
  azureFromEnvironment,
  azureQuantum,
  circuitFormats,
  clientCredentialAccess,
  countsOf,
  deviceCodeAccess,
  discoverWorkspaces,
  parseConnectionString,
  readCredentials,
  Secret,
} from '../../src/clouds.js'
import { openQasm, quadraticModel } from '../../src/index.js'
import { type AzureServer, apiKey, azureServer, ids } from './azure-server.js'

// A busy machine.
vi.setConfig({ testTimeout: 60_000 })

const circuit: AzureJobInput = {
  name: 'test',
  providerId: 'ionq',
  target: 'ionq.simulator',
  ...circuitFormats.ionq,
  input: '{"qubits":2,"circuit":[]}',
  inputParams: { shots: 100 },
}

const quick = { backOff: 0.01, attempts: 3 }
const look = { interval: 0.01 }

const connect = (server: AzureServer, more = {}) =>
  azureQuantum({ workspace: { ...ids, endpoint: server.url }, access: apiKeyAccess(new Secret(apiKey)), ...quick, ...more })

const failure = async (work: Promise<unknown>): Promise<QtError> => {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (QtError.isInstance(error)) return error
  throw new Error(`no error of ours: ${String(error)}`)
}

describe('a job', () => {
  test('is uploaded, submitted, waited for and read', async () => {
    const server = await azureServer()
    const azure = connect(server)
    const { id } = await azure.submit(circuit)
    expect(server.blobs.get(`/storage-account/job-${id}/inputData`)?.toString()).toBe(circuit.input)
    const { details } = server.jobs.get(id)!
    expect(details).toMatchObject({ itemType: 'Job', target: 'ionq.simulator', inputParams: { shots: 100 } })
    expect(details.inputDataUri).not.toContain('sig=')
    expect(details.containerUri).toContain('sig=')
    const seen: string[] = []
    const { outcomes } = await azure.counts(id, { ...look, onStatus: (status) => seen.push(status) })
    expect(seen).toEqual(['Queued', 'Executing', 'Succeeded'])
    expect([...outcomes]).toEqual([
      ['00', 0.5],
      ['11', 0.5],
    ])
    expect((await azure.job(id)).costEstimate?.estimatedTotal).toBe(1.25)
  })

  test('is found by its id by another process, and submitted twice under one id is one job', async () => {
    const server = await azureServer()
    const id = '5f1d1a52-0000-4000-8000-000000000001'
    await connect(server).submit({ ...circuit, id })
    await connect(server).submit({ ...circuit, id })
    expect(server.jobs.size).toBe(1)
    expect((await connect(server).counts(id, look)).outcomes.size).toBe(2)
  })

  test('that fails or is cancelled says so', async () => {
    const server = await azureServer()
    server.end = 'Failed'
    const azure = connect(server)
    const { id } = await azure.submit(circuit)
    expect(await failure(azure.counts(id, look))).toMatchObject({
      code: 'CLOUD_JOB_FAILED',
      message: expect.stringContaining('Gate foo'),
    })
    const other = await azure.submit(circuit)
    await azure.cancel(other.id)
    expect((await failure(azure.counts(other.id, look))).code).toBe('CLOUD_JOB_CANCELLED')
  })

  test('that takes long is left to itself, and can be aborted while waiting', async () => {
    const server = await azureServer()
    server.end = 'Executing'
    const azure = connect(server)
    const { id } = await azure.submit(circuit)
    expect(await failure(azure.wait(id, { ...look, timeout: 0.1 }))).toMatchObject({ code: 'CLOUD_TIMEOUT' })
    const controller = new AbortController()
    setTimeout(() => controller.abort(), 50)
    await expect(azure.wait(id, { interval: 20, signal: controller.signal })).rejects.toThrow('abort')
  })

  test('output of another form than promised is an error that says where', async () => {
    const server = await azureServer()
    const azure = connect(server)
    for (const output of ['no json', '{"histogram":{"zero":1}}', '{"histogram":{}}']) {
      server.output = output
      const { id } = await azure.submit(circuit)
      expect((await failure(azure.counts(id, look))).code).toBe('CLOUD_ANSWER')
    }
  })
})

describe('faults of the cloud', () => {
  test('busy and broken answers are waited out, with Retry-After', async () => {
    const server = await azureServer()
    server.fail(/sasUri/, { status: 429, headers: { 'retry-after': '0.02' } }, { status: 503 })
    server.fail(/PUT .*\/jobs\//, { status: 500 }, 'drop')
    const { id } = await connect(server).submit(circuit)
    server.fail(/GET .*\/jobs\//, { status: 502 }, { status: 504 })
    expect((await connect(server).counts(id, look)).outcomes.size).toBe(2)
  })

  test('a cloud that stays busy, or is not there, is an error in the end', async () => {
    const server = await azureServer()
    server.fail(/quotas/, { status: 429 }, { status: 429 }, { status: 429 })
    expect((await failure(connect(server).quotas())).code).toBe('CLOUD_BUSY')
    server.fail(/quotas/, 'hang', 'hang', 'hang')
    expect(await failure(connect(server, { timeout: 0.1 }).quotas())).toMatchObject({
      code: 'CLOUD_UNREACHABLE',
      message: expect.stringContaining('did not answer in time'),
    })
  })

  test('an upload whose signature has expired gets a fresh one, a download too', async () => {
    const server = await azureServer()
    server.fail(/PUT .*inputData/, { status: 403, body: '<Error><Code>AuthenticationFailed</Code></Error>' })
    const azure = connect(server)
    const { id } = await azure.submit(circuit)
    expect(server.asked.filter(({ path }) => path.endsWith('sasUri'))).toHaveLength(2)
    server.fail(/GET .*rawOutputData/, { status: 403, body: '<Error><Code>AuthenticationFailed</Code></Error>' })
    expect((await azure.counts(id, look)).outcomes.size).toBe(2)
  })

  test('a signature that is refused again is an error without the signature', async () => {
    const server = await azureServer()
    const denied = { status: 403, body: '<Error><Code>AuthorizationPermissionMismatch</Code></Error>' }
    server.fail(/PUT .*inputData/, denied, denied)
    const error = await failure(connect(server).submit(circuit))
    expect(error).toMatchObject({
      code: 'CLOUD_UNAUTHORISED',
      message: expect.stringContaining('AuthorizationPermissionMismatch'),
    })
    expect(JSON.stringify(error) + error.stack).not.toContain('sig=')
  })

  test('answers that are no JSON, or not the documented one, name the field', async () => {
    const server = await azureServer()
    server.fail(/quotas/, { body: '<html>' }, { body: { value: [{ limit: 'many' }] } })
    expect((await failure(connect(server).quotas())).message).toContain('no JSON')
    expect((await failure(connect(server).quotas())).message).toContain('value.0.limit')
  })

  test('a redirect is not followed with the key', async () => {
    const server = await azureServer()
    const thief = await azureServer()
    server.fail(/quotas/, { status: 307, headers: { location: `${thief.url}/x` } })
    expect((await failure(connect(server).quotas())).code).toBe('CLOUD_REFUSED')
    expect(thief.asked).toHaveLength(0)
  })
})

test('lists, quotas, providers and sessions', async () => {
  const server = await azureServer()
  const azure = connect(server)
  for (let k = 0; k < 5; k++) await azure.submit(circuit)
  const names: string[] = []
  for await (const { id } of azure.jobs()) names.push(id)
  expect(names).toHaveLength(5)
  expect((await azure.providers())[0]?.targets?.[0]?.averageQueueTime).toBe(3)
  expect((await azure.quotas())[0]?.limit).toBe(10)
  const session = await azure.openSession({ name: 'run', providerId: 'ionq', target: 'ionq.simulator' })
  expect((await azure.session(session.id)).status).toBe('Waiting')
  expect((await azure.closeSession(session.id)).status).toBe('Succeeded')
  await azure.delete(names[0]!)
  expect(await failure(azure.job(names[0]!))).toMatchObject({ code: 'CLOUD_NOT_FOUND' })
})

describe('credentials', () => {
  test('client secrets give tokens, which are renewed when refused', async () => {
    const server = await azureServer()
    const entra = { tenant: 'tenant', clientId: 'app', authority: server.url }
    const azure = connect(server, { access: clientCredentialAccess({ ...entra, clientSecret: new Secret('hush-hush') }) })
    await azure.quotas()
    await azure.quotas()
    expect(server.tokens).toBe(1)
    // As if the token had been revoked.
    server.tokens = 7
    await azure.quotas()
    expect(server.tokens).toBe(8)
    const wrong = connect(server, { access: clientCredentialAccess({ ...entra, clientSecret: new Secret('wrong-one') }) })
    const error = await failure(wrong.quotas())
    expect(error).toMatchObject({ code: 'CLOUD_SIGN_IN', message: expect.stringContaining('AADSTS7000215') })
  })

  test('a person signs in with a code', async () => {
    const server = await azureServer()
    const shown: string[] = []
    const access = deviceCodeAccess({
      tenant: 'tenant',
      clientId: 'app',
      authority: server.url,
      onCode: ({ message }) => shown.push(message),
    })
    const azure = connect(server, { access })
    await azure.quotas()
    access.renew()
    await azure.quotas()
    expect(shown).toEqual(['Open https://example.test/device and enter the code ABCD.'])
  })

  test('workspaces are found by the resource manager', async () => {
    const server = await azureServer()
    const entra = { tenant: 'tenant', clientId: 'app', authority: server.url, clientSecret: new Secret('hush-hush') }
    const found = await discoverWorkspaces({
      access: clientCredentialAccess(entra),
      subscription: 'sub-1',
      resourceManager: server.url,
    })
    expect(found).toEqual([{ ...ids, endpoint: server.url }])
    const env = {
      AZURE_QUANTUM_SUBSCRIPTION_ID: 'sub-1',
      AZURE_QUANTUM_WORKSPACE_NAME: 'Space',
      AZURE_TENANT_ID: 'tenant',
      AZURE_CLIENT_ID: 'app',
      AZURE_CLIENT_SECRET: 'hush-hush',
    }
    const azure = await azureFromEnvironment({ env, authority: server.url, resourceManager: server.url })
    expect(await azure.quotas()).toHaveLength(1)
  })

  test('a connection string is enough', async () => {
    const server = await azureServer()
    const text = `SubscriptionId=sub-1;ResourceGroupName=group;WorkspaceName=space;ApiKey=${apiKey};QuantumEndpoint=${server.url};`
    const azure = await azureFromEnvironment({ env: { AZURE_QUANTUM_CONNECTION_STRING: text } })
    expect(await azure.quotas()).toHaveLength(1)
    expect(() => parseConnectionString(new Secret(text.replace('ApiKey', 'Key')))).toThrow('ApiKey')
    expect((await failure(azureFromEnvironment({ env: {} }))).code).toBe('CLOUD_CREDENTIALS')
  })

  test('nothing that is printed or thrown shows them, even where the cloud repeats them', async () => {
    const server = await azureServer()
    const secret = new Secret('key-that-is-wrong')
    const error = await failure(connect(server, { access: apiKeyAccess(secret) }).quotas())
    expect(error.code).toBe('CLOUD_UNAUTHORISED')
    expect(error.message).toContain('No access with [secret]')
    for (const text of [inspect({ secret }), JSON.stringify({ secret }), `${secret}`, inspect(error)])
      expect(text).not.toContain('key-that-is-wrong')
  })

  test('go over encrypted connections only', async () => {
    const azure = azureQuantum({
      workspace: { ...ids, endpoint: 'http://quantum.example' },
      access: apiKeyAccess(new Secret(apiKey)),
    })
    expect((await failure(azure.quotas())).code).toBe('CLOUD_ADDRESS')
  })

  test.skipIf(process.platform === 'win32')('a file that others can read is refused', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'qt-credentials-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const file = join(folder, 'cloud.env')
    await writeFile(file, '# mine\nexport DWAVE_API_TOKEN="abc"\n', { mode: 0o600 })
    expect((await readCredentials({ file, env: {} })).secret('DWAVE_API_TOKEN')?.reveal()).toBe('abc')
    expect((await readCredentials({ file, env: { DWAVE_API_TOKEN: 'env' } })).secret('DWAVE_API_TOKEN')?.reveal()).toBe('env')
    await chmod(file, 0o640)
    expect((await failure(readCredentials({ file }))).code).toBe('CLOUD_CREDENTIALS_EXPOSED')
    await chmod(file, 0o600)
    await writeFile(file, 'fine=no\n')
    expect((await failure(readCredentials({ file }))).where).toEqual({ file, line: 1 })
    expect((await failure(readCredentials({ file: join(folder, 'none') }))).code).toBe('CLOUD_CREDENTIALS')
  })
})

test('outputs of every provider become bit strings by qubit', () => {
  const read = (format: string, json: unknown) => {
    const { outcomes, shots } = countsOf(format, new TextEncoder().encode(JSON.stringify(json)))
    return { ...Object.fromEntries(outcomes), shots }
  }
  // Qubit 0 is 1, qubits 1 and 2 are 0.
  expect(read('ionq.quantum-results.v1', { histogram: { '1': 1 }, qubits: 3 })).toEqual({ '100': 1, shots: undefined })
  expect(read('honeywell.quantum-results.v1', { c: ['001', '001', '110'] })).toEqual({ '100': 2, '011': 1, shots: 3 })
  expect(read('rigetti.quil-results.v1', { ro: [[1, 0, 0]] })).toEqual({ '100': 1, shots: 1 })
  expect(read('pasqal.pulser-results.v1', { '100': 7 })).toEqual({ '100': 7, shots: 7 })
  expect(read('microsoft.quantum-results.v1', { Histogram: ['[1, 0, 0]', 0.25, '[0, 0, 0]', 0.75] })).toMatchObject({
    '100': 0.25,
  })
  const v2 = {
    DataFormat: 'microsoft.quantum-results.v2',
    Results: [{ Histogram: [{ Outcome: [1, 0, 0], Display: '[1, 0, 0]', Count: 4 }], Shots: [] }],
  }
  expect(read('microsoft.quantum-results.v2', v2)).toEqual({ '100': 4, shots: 4 })
  expect(() => read('microsoft.dft-results.v1', {})).toThrow('format')
  expect(() => read('honeywell.quantum-results.v1', { c: ['01', '1'] })).toThrow('one length')
})

test('signed addresses in a job are secrets, however it is printed', async () => {
  const server = await azureServer()
  const azure = connect(server)
  const { id } = await azure.submit(circuit)
  await azure.output(id, look)
  const job = await azure.job(id)
  expect(job.outputDataUri?.reveal()).toContain('sig=')
  for (const text of [JSON.stringify(job), inspect(job, { depth: 9 }), String(job.outputDataUri)])
    expect(text).not.toContain('sig=')
})

test('two calls at once sign in once', async () => {
  const server = await azureServer()
  const codes: string[] = []
  const access = deviceCodeAccess({
    tenant: 'tenant',
    clientId: 'client',
    authority: server.url,
    onCode: ({ userCode }) => codes.push(userCode),
  })
  const azure = azureQuantum({ workspace: { ...ids, endpoint: server.url }, access, ...quick })
  const [providers, quotas] = await Promise.all([azure.providers(), azure.quotas()])
  expect([providers.length, quotas.length, codes.length]).toEqual([1, 1, 1])
})

test.each(['/relative/path', 'http://[', 'https://elsewhere.test/jobs'])(
  'a next page at %s is no end of the list',
  async (link) => {
    const server = await azureServer()
    server.fail(/GET .*quotas/, { status: 200, body: { value: [], nextLink: link } })
    const error = await failure(connect(server).quotas())
    expect(error.code).toBe(link.startsWith('/') ? 'CLOUD_NOT_FOUND' : 'CLOUD_ANSWER')
  },
)

test('OpenQASM is uploaded as what it is', async () => {
  const server = await azureServer()
  const { id } = await connect(server).submit({
    ...circuit,
    providerId: 'quantinuum',
    target: 'quantinuum.sim.h1-1sc',
    ...circuitFormats.quantinuum,
    input: openQasm(quadraticModel({ couplings: [[0, 1, 1]] }), { gammas: [1], betas: [1] }, { version: 2 }),
  })
  const put = server.asked.find(({ method, path }) => method === 'PUT' && path.endsWith(`job-${id}/inputData`))
  expect(put?.headers['content-type']).toBe('application/qasm')
  expect(server.blobs.get(`/storage-account/job-${id}/inputData`)?.toString()).toMatch(/^OPENQASM 2\.0;/)
})
