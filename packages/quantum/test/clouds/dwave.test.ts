import { QtError } from '@qt/core'
import { expect, test, vi } from 'vitest'
import { decodeSampleSet } from '../../src/clouds/dwave/sample-set.js'
import {
  collectSamples,
  type DWaveTicket,
  decodeQp,
  dwave,
  dwaveFromEnvironment,
  encodeQp,
  Secret,
  sampleHybrid,
  sampleQpu,
  submitQpu,
} from '../../src/clouds.js'
import { energyOf, quadraticModel, readProblem, writeBqm } from '../../src/index.js'
import { exactOptimum } from '../../src/solvers/exact.js'
import { randomModel } from '../random-models.js'
import { type DWaveServer, dwaveServer, token } from './dwave-server.js'

// A busy machine.
vi.setConfig({ testTimeout: 60_000 })

const look = { interval: 0.01 }
const connect = (server: DWaveServer, more = {}) =>
  dwave({ endpoint: `${server.url}/sapi/v2/`, token: new Secret(token), backOff: 0.01, attempts: 3, ...more })

const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: unknown) => (QtError.isInstance(error) ? error.code : String(error)),
  )

test('a processor gets an embedded model, and its samples are those of the model', async () => {
  const server = await dwaveServer()
  const model = randomModel(7, 0.9, 5)
  const { samples, ticket, timing } = await sampleQpu(connect(server), model, { ...look, reads: 100, seed: 1, label: 'mine' })
  const { solution } = await exactOptimum(model)
  expect(samples[0]!.energy).toBeCloseTo(energyOf(model, solution), 9)
  expect(samples.reduce((sum, { occurrences }) => sum + occurrences, 0)).toBe(100)
  expect(samples.every((sample) => energyOf(model, sample.solution) === sample.energy)).toBe(true)
  expect(timing).toEqual({ qpu_access_time: 12345 })
  const sent = server.problems.get(ticket.id)!
  // The least loaded solver that is online, named as it names itself.
  expect(sent.solver).toEqual({ name: 'small_chimera', version: { graph_id: 'g1' } })
  expect(sent.params).toMatchObject({ num_reads: 100 })
})

test.each(['small_chimera', 'small_pegasus', 'small_zephyr'])(
  '%s gets a model that is embedded in its own graph',
  async (solver) => {
    const server = await dwaveServer()
    const model = randomModel(8, 1, 11)
    const { samples, ticket } = await sampleQpu(connect(server), model, { ...look, solver, seed: 2 })
    expect(samples[0]!.energy).toBeCloseTo(energyOf(model, (await exactOptimum(model)).solution), 9)
    expect(samples[0]!.brokenChains).toBe(0)
    expect(server.problems.get(ticket.id)!.solver).toMatchObject({ name: solver })
    // A complete graph of eight variables has chains on all of them.
    expect(ticket.embedding!.some((chain) => chain.length > 1)).toBe(true)
  },
)

test('what was submitted is collected by another process, from its ticket alone', async () => {
  const server = await dwaveServer()
  const model = randomModel(6, 1, 2, { vartype: 'spin' })
  const kept = JSON.stringify(await submitQpu(connect(server), model))
  const ticket: DWaveTicket = JSON.parse(kept)
  const { samples } = await collectSamples(connect(server), model, ticket, look)
  expect(samples[0]!.energy).toBeCloseTo(energyOf(model, (await exactOptimum(model)).solution), 9)
})

test('a hybrid solver gets the whole model, in parts that need not be sent twice', async () => {
  const server = await dwaveServer()
  const model = randomModel(40, 0.2, 3)
  server.fail(/PUT .*part/, { status: 503 }, 'drop')
  const { samples, ticket } = await sampleHybrid(connect(server), model, look)
  expect(samples[0]!.energy).toBeLessThan(energyOf(model, new Uint8Array(40)))
  expect(server.problems.get(ticket.id)!.params).toEqual({ time_limit: 3 })

  const content = new Uint8Array(11 * 1024 * 1024).map((_, i) => i % 251)
  server.fail(/PUT .*part\/3/, { status: 400, body: { error_msg: 'cut' } })
  expect(await codeOf(connect(server).upload(content))).toBe('CLOUD_REFUSED')
  const [id] = [...server.uploads.keys()].slice(-1)
  const before = server.asked.length
  await connect(server).upload(content, id)
  expect(server.asked.slice(before).filter(({ method }) => method === 'PUT')).toHaveLength(1)
  expect(server.uploads.get(id!)!.content!.equals(content)).toBe(true)
})

test('a submission is not repeated where it may have been received', async () => {
  const server = await dwaveServer()
  const model = randomModel(4, 1, 1)
  server.fail(/POST .*problems/, { status: 429, headers: { 'retry-after': '0' } })
  await submitQpu(connect(server), model)
  server.fail(/POST .*problems/, 'drop')
  expect(await codeOf(submitQpu(connect(server), model))).toBe('CLOUD_UNREACHABLE')
  server.fail(/POST .*problems/, { status: 500 })
  await expect(submitQpu(connect(server), model)).rejects.toMatchObject({
    code: 'CLOUD_BUSY',
    actions: [{ label: expect.stringContaining('list the latest jobs') }],
  })
  expect(server.problems.size).toBe(1)
})

test('failed, cancelled, refused and unfinished problems say so', async () => {
  const server = await dwaveServer()
  const machine = connect(server)
  const model = randomModel(4, 1, 1)
  server.end = 'FAILED'
  await expect(sampleQpu(machine, model, look)).rejects.toThrow('temperature too high')
  const ticket = await submitQpu(machine, model)
  await machine.cancel(ticket.id)
  expect(await codeOf(collectSamples(machine, model, ticket, look))).toBe('CLOUD_JOB_CANCELLED')
  await expect(submitQpu(machine, model, { reads: 13 })).rejects.toThrow('unlucky')
  expect(await codeOf(submitQpu(machine, model, { reads: 501 }))).toBe('QUBO_OPTION')
  expect(await codeOf(submitQpu(machine, model, { solver: 'none' }))).toBe('CLOUD_NOT_FOUND')
  expect(await codeOf(connect(server, { token: new Secret('wrong-token') }).solvers())).toBe('CLOUD_UNAUTHORISED')
  server.end = 'IN_PROGRESS'
  const slow = await submitQpu(machine, model)
  expect(await codeOf(collectSamples(machine, model, slow, { ...look, timeout: 0.05 }))).toBe('CLOUD_TIMEOUT')
  expect((await machine.problems()).map(({ id }) => id)).toContain(slow.id)
})

test('malformed answers are errors, not samples', async () => {
  const server = await dwaveServer()
  const model = randomModel(4, 1, 1)
  const ticket = await submitQpu(connect(server), model)
  for (const answer of [
    undefined,
    { format: 'qp' },
    { format: 'qp', active_variables: '!!', energies: '', solutions: '', num_variables: 1 },
    { format: 'qp', active_variables: 'AAAAAA==', energies: 'AAAA', solutions: '', num_variables: 1 },
    { format: 'qp', active_variables: 'AAAAAA==', energies: 'AAAAAAAAAAA=', solutions: '', num_variables: 1 },
    { format: 'qp', active_variables: 'AAAAAA==', energies: 'AAAAAAAAAAA=', solutions: 'gA==', num_variables: 1 },
  ]) {
    server.fail(/GET .*problems\/problem/, { body: { id: ticket.id, status: 'COMPLETED', answer } })
    expect(await codeOf(collectSamples(connect(server), model, ticket, look))).toBe('CLOUD_ANSWER')
  }
})

test('problems are written as the format says', () => {
  const { lin, quad } = encodeQp(
    { linear: new Map([[3, 0.5]]), couplings: [[3, 9, -1]] },
    [1, 3, 9],
    [
      [9, 3],
      [1, 3],
    ],
  )
  const numbers = (text: string) => {
    const buffer = Buffer.from(text, 'base64')
    return Array.from({ length: buffer.length / 8 }, (_, k) => buffer.readDoubleLE(8 * k))
  }
  expect(numbers(lin)).toEqual([Number.NaN, 0.5, 0])
  expect(numbers(quad)).toEqual([-1])
})

test('samples are read highest bit first, those of dimod lowest first', () => {
  const int = (...values: number[]) => Buffer.from(Int32Array.from(values).buffer).toString('base64')
  const { qubits, bits } = decodeQp({
    format: 'qp',
    active_variables: int(4, 8, 15, 16, 23, 42, 50, 51, 52),
    energies: Buffer.from(Float64Array.of(-2).buffer).toString('base64'),
    solutions: Buffer.from([0b1000_0001, 0b1000_0000]).toString('base64'),
    num_variables: 64,
  })
  expect(qubits).toHaveLength(9)
  expect([...bits[0]!]).toEqual([1, 0, 0, 0, 0, 0, 0, 1, 1])
  // Written by dimod 0.12: SampleSet.from_samples([[1,0,1,1,0],[0,0,1,0,1]]).to_serializable().
  const model = quadraticModel({ size: 5, linear: [-1, 1, -1, -1, 1] })
  const { samples, timing } = decodeSampleSet(
    {
      format: 'bq',
      data: {
        num_variables: 5,
        num_rows: 2,
        sample_data: { data: [[13], [20]] },
        sample_packed: true,
        vectors: { energy: { data: [-3, -1] }, num_occurrences: { data: [2, 1] } },
        variable_labels: [0, 1, 2, 3, 4],
        variable_type: 'BINARY',
        info: { run_time: 5 },
      },
    },
    model,
  )
  expect(timing).toEqual({ run_time: 5 })
  expect(samples.map(({ solution, energy, occurrences }) => [[...solution], energy, occurrences])).toEqual([
    [[1, 0, 1, 1, 0], -3, 2],
    [[0, 0, 1, 0, 1], 0, 1],
  ])
})

test('a written BQM file is read back', () => {
  for (const vartype of ['binary', 'spin'] as const) {
    const model = randomModel(30, 0.3, 8, { vartype, whole: false })
    const back = readProblem(writeBqm(model), { file: 'x.bqm' }).model
    expect({ ...back, labels: undefined }).toEqual({ ...model, labels: undefined })
  }
})

test('the environment names endpoint and token', async () => {
  const server = await dwaveServer()
  const machine = await dwaveFromEnvironment({ env: { DWAVE_API_TOKEN: token, DWAVE_API_ENDPOINT: `${server.url}/sapi/v2` } })
  expect((await machine.solver(undefined, 'hybrid')).name).toBe('hybrid_bqm')
  expect(await codeOf(dwaveFromEnvironment({ env: {} }))).toBe('CLOUD_CREDENTIALS')
})

test('what the machine has no place for is refused, not left out', () => {
  const problem = { linear: new Map([[0, 1]]), couplings: [[0, 7, 1]] as const }
  expect(() => encodeQp(problem, [0, 1, 7], [[0, 1]])).toThrow(expect.objectContaining({ code: 'EMBEDDING_INVALID' }))
  expect(() => encodeQp({ linear: new Map([[99, 1]]), couplings: [] }, [0, 1], [])).toThrow('no qubit 99')
})

test('a wait that ends early leaves the ticket', async () => {
  const server = await dwaveServer()
  const model = randomModel(4, 1, 1)
  const tickets: DWaveTicket[] = []
  const waited = sampleQpu(connect(server), model, { timeout: 0, onTicket: (ticket) => tickets.push(ticket) })
  await expect(waited).rejects.toMatchObject({ code: 'CLOUD_TIMEOUT' })
  const { samples } = await collectSamples(connect(server), model, JSON.parse(JSON.stringify(tickets[0])), look)
  expect(samples.length).toBeGreaterThan(0)
})
