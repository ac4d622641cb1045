import { createHash } from 'node:crypto'
import {
  chimeraGraph,
  energyOf,
  type HardwareGraph,
  pegasusGraph,
  quadraticModel,
  readProblem,
  solve,
  zephyrGraph,
} from '../../src/index.js'
import { type Answer, type Asked, type Server, serve } from './serve.js'

export const token = 'DEV-0123456789abcdef'

interface StoredProblem {
  readonly type: string
  readonly solver: unknown
  readonly params: Record<string, unknown>
  readonly data: { format: string; lin?: string; quad?: string; data?: string }
  status: string
  looks: number
  answer?: unknown
}

export interface DWaveServer extends Server {
  readonly problems: Map<string, StoredProblem>
  readonly uploads: Map<string, { parts: Map<number, Buffer>; content?: Buffer }>
  end: string
}

/** A small processor with two broken qubits. Couplers are listed as such machines do, not in order. */
function processor(graph: HardwareGraph, type: string, shape: readonly number[], load: number) {
  const qubits = graph.nodes.filter((_, k) => k !== 5 && k !== 77)
  const working = new Set(qubits)
  const couplers = graph.edges.filter(([a, b]) => working.has(a) && working.has(b)).toReversed()
  return {
    id: `small_${type}`,
    identity: { name: `small_${type}`, version: { graph_id: 'g1' } },
    status: 'ONLINE',
    avg_load: load,
    properties: {
      category: 'qpu',
      qubits,
      couplers,
      topology: { type, shape },
      num_reads_range: [1, 500],
      supported_problem_types: ['ising', 'qubo'],
    },
  }
}

const processors = [
  processor(chimeraGraph(4), 'chimera', [4, 4, 4], 0.2),
  processor(pegasusGraph(3), 'pegasus', [3], 0.7),
  processor(zephyrGraph(2), 'zephyr', [2, 4], 0.8),
]
const { qubits, couplers } = processors[0]!.properties

const solvers = [
  ...processors,
  {
    id: 'hybrid_bqm',
    status: 'ONLINE',
    properties: {
      category: 'hybrid',
      supported_problem_types: ['bqm'],
      minimum_time_limit: [
        [1, 3],
        [1024, 3],
        [4096, 10],
      ],
    },
  },
  { id: 'resting', status: 'OFFLINE', avg_load: 0, properties: { category: 'qpu', qubits, couplers } },
]

/** D-Wave's solver API as its clients use it; the processor really minimises what it is given. */
export async function dwaveServer(): Promise<DWaveServer> {
  const problems = new Map<string, StoredProblem>()
  const uploads: DWaveServer['uploads'] = new Map()

  const view = (id: string, { type, solver, status, answer }: StoredProblem) => ({
    id,
    type,
    solver,
    status,
    submitted_on: '2026-11-01T00:00:00Z',
    ...(answer === undefined ? {} : { answer }),
    ...(status === 'FAILED' ? { error_message: 'Solver temperature too high.' } : {}),
  })
  const finish = async (problem: StoredProblem): Promise<void> => {
    problem.status = server.end
    if (problem.status !== 'COMPLETED') return
    problem.answer = problem.data.format === 'ref' ? await hybridAnswer(uploads, problem) : await processorAnswer(problem)
  }
  const answerTo = async ({ method, path, headers, body, query }: Asked): Promise<Answer> => {
    if (headers['x-auth-token'] !== token)
      return { status: 401, body: { error_code: 401, error_msg: 'Invalid token or access denied' } }
    const rest = path.replace(/^\/sapi\/v2\//, '')
    if (rest === 'solvers/remote/') return { body: solvers }
    if (rest === 'problems/' && method === 'POST') {
      const [one]: (StoredProblem & { solver: unknown })[] = JSON.parse(body.toString())
      if (one!.params.num_reads === 13) return { body: [{ error_code: 400, error_msg: 'Parameter num_reads is unlucky' }] }
      const id = `problem-${problems.size + 1}`
      problems.set(id, { ...one!, status: 'PENDING', looks: 0 })
      return { body: [view(id, problems.get(id)!)] }
    }
    if (rest === 'problems/') {
      const wanted = query.get('id')?.split(',')
      return {
        body: [...problems].flatMap(([id, one]) =>
          wanted && !wanted.includes(id) ? [] : [{ ...view(id, one), answer: undefined }],
        ),
      }
    }
    const [, id = ''] = /^problems\/([^/]+)\/$/.exec(rest) ?? []
    const problem = problems.get(id)
    if (problem) {
      if (method === 'DELETE') {
        problem.status = 'CANCELLED'
        return { body: view(id, problem) }
      }
      if (problem.status === 'PENDING' || problem.status === 'IN_PROGRESS') {
        problem.looks++
        if (problem.looks >= 3) await finish(problem)
        else if (problem.looks === 2) problem.status = 'IN_PROGRESS'
      }
      return { body: view(id, problem) }
    }
    if (rest === 'bqm/multipart') {
      const upload = `upload-${uploads.size + 1}`
      uploads.set(upload, { parts: new Map() })
      return { body: { id: upload } }
    }
    const [, upload = '', what = '', number = ''] = /^bqm\/multipart\/([^/]+)\/(part|combine|status)\/?(\d*)$/.exec(rest) ?? []
    const stored = uploads.get(upload)
    if (!stored) return { status: 404, body: { error_code: 404, error_msg: 'Problem does not exist' } }
    const sums = [...stored.parts]
      .sort(([a], [b]) => a - b)
      .map(([part, bytes]) => ({ part, sum: createHash('md5').update(bytes).digest() }))
    if (what === 'status')
      return {
        body: {
          status: stored.content ? 'UPLOAD_COMPLETED' : 'UPLOAD_IN_PROGRESS',
          parts: sums.map(({ part, sum }) => ({ part_number: part, checksum: `"${sum.toString('hex')}"` })),
        },
      }
    if (what === 'part') {
      if (createHash('md5').update(body).digest('base64') !== headers['content-md5'])
        return { status: 400, body: { error_msg: 'Checksum' } }
      stored.parts.set(Number(number), body)
      return { body: {} }
    }
    const whole = createHash('md5')
      .update(Buffer.concat(sums.map(({ sum }) => sum)))
      .digest('hex')
    const { checksum }: { checksum: string } = JSON.parse(body.toString())
    if (whole !== checksum) return { status: 400, body: { error_msg: 'The checksum of the whole differs' } }
    stored.content = Buffer.concat([...stored.parts].sort(([a], [b]) => a - b).map(([, bytes]) => bytes))
    return { body: {} }
  }
  const server: DWaveServer = Object.assign(await serve(answerTo), { problems, uploads, end: 'COMPLETED' })
  return server
}

const floats = (text = '') => {
  const buffer = Buffer.from(text, 'base64')
  return Array.from({ length: buffer.length / 8 }, (_, k) => buffer.readDoubleLE(8 * k))
}

async function processorAnswer({ data, solver }: StoredProblem): Promise<unknown> {
  const { qubits, couplers } = processors.find(({ identity }) => JSON.stringify(identity) === JSON.stringify(solver))!.properties
  const lin = floats(data.lin)
  const active = qubits.filter((_, k) => !Number.isNaN(lin[k]!))
  const place = new Map(active.map((qubit, k) => [qubit, k]))
  const pairs = couplers.filter(([a, b]) => place.has(a) && place.has(b))
  const quad = floats(data.quad)
  if (lin.length !== qubits.length || quad.length !== pairs.length) throw new Error('the problem does not fit the processor')
  const model = quadraticModel({
    vartype: 'spin',
    linear: active.map((qubit) => lin[qubits.indexOf(qubit)]!),
    couplings: pairs.map(([a, b], k) => [place.get(a)!, place.get(b)!, quad[k]!]),
  })
  const best = (await solve(model, { seed: 1, sweeps: 500, reads: 32, engine: 'wasm', solver: 'simulated-annealing' })).solution
  // A second sample with one qubit flipped, as noise would.
  const noisy = best.slice()
  noisy[0] = 1 - noisy[0]!
  const rows = [best, noisy]
  const width = Math.ceil(active.length / 8)
  const bytes = Buffer.alloc(2 * width)
  rows.forEach((row, at) => {
    row.forEach((bit, k) => {
      if (bit === 1) bytes[at * width + (k >> 3)]! |= 0x80 >> (k & 7)
    })
  })
  const whole = (values: number[]) => {
    const buffer = Buffer.alloc(4 * values.length)
    for (const [k, value] of values.entries()) buffer.writeInt32LE(value, 4 * k)
    return buffer.toString('base64')
  }
  const energies = Buffer.alloc(16)
  for (const [k, row] of rows.entries()) energies.writeDoubleLE(energyOf(model, row), 8 * k)
  return {
    format: 'qp',
    active_variables: whole(active),
    energies: energies.toString('base64'),
    solutions: bytes.toString('base64'),
    num_occurrences: whole([97, 3]),
    num_variables: qubits.length + 2,
    timing: { qpu_access_time: 12345 },
  }
}

async function hybridAnswer(uploads: DWaveServer['uploads'], { data }: StoredProblem): Promise<unknown> {
  const { model } = readProblem(uploads.get(data.data ?? '')!.content!, { format: 'bqm' })
  const { solution, energy } = await solve(model, { seed: 1, time: 5, engine: 'wasm' })
  const words = Array.from({ length: Math.ceil(model.size / 32) }, (_, word) =>
    solution.subarray(32 * word, 32 * word + 32).reduce((sum, bit, k) => sum + bit * 2 ** k, 0),
  )
  return {
    format: 'bq',
    data: {
      type: 'SampleSet',
      version: { sampleset_schema: '3.2.0' },
      num_variables: model.size,
      num_rows: 1,
      sample_data: { type: 'array', data: [words], data_type: 'uint32', shape: [1, words.length], use_bytes: false },
      sample_type: 'int8',
      sample_packed: true,
      vectors: { energy: { type: 'array', data: [energy] }, num_occurrences: { type: 'array', data: [1] } },
      variable_labels: Array.from({ length: model.size }, (_, i) => i),
      variable_type: model.vartype === 'spin' ? 'SPIN' : 'BINARY',
      info: {},
    },
  }
}
