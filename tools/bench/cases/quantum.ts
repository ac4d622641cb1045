import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { root } from '../../src/root.js'
import type { Absent, Contender, MakeCase, Measures, Metric } from '../case.js'
import { oracleMissing, oracleScript, oraclesPython } from '../oracles.js'
import { bestCuts, graphFile } from '../quantum/instances.js'
import { aerLayer, dimodBuilder, dwaveTargets } from '../quantum/peers.js'

const script = 'bench_qubo.py'
const measuresSchema = z.record(z.string(), z.number().nullable())

/** What a program printed last, as measures; what was never reached is left out. */
const measured = ({ stdout }: { stdout: string }): Measures => {
  const found = measuresSchema.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''))
  return Object.fromEntries(Object.entries(found).flatMap(([key, value]) => (value === null ? [] : [[key, value]])))
}

const graphsMissing = existsSync(graphFile('G1')) ? undefined : 'the G-set graphs are not beside this checkout'

function ours(name: string, program: string, args: readonly string[] = [], absent = graphsMissing): Contender | Absent {
  if (absent !== undefined) return { name, absent }
  return { name, command: ['tsx', join(root, 'tools/bench/quantum', program), ...args], parse: measured }
}

function peer(
  name: string,
  args: readonly string[],
  parse: Contender['parse'],
  absent = oracleMissing(script),
): Contender | Absent {
  const python = oraclesPython()
  if (absent !== undefined || python === undefined) return { name, absent: absent ?? 'there is no Python with the peers' }
  return { name, command: [python, ...args], parse }
}

const columns = (names: readonly string[], better: Metric['better'], digits: number): [Metric, ...Metric[]] => {
  const [first, ...rest] = names.map((key): Metric => ({ key, title: key, digits, better }))
  return [first!, ...rest]
}

const speeds = ['bqp1000', 'dense250', 'G1', 'G22', 'G55']
const rows: Readonly<Record<string, string>> = {
  bqp1000: 'bqp 1000, 10 %',
  dense250: 'bqp 250, dense',
  G1: 'G1.txt',
  G22: 'G22.txt',
  G55: 'G55.txt',
}
const graphs = ['G1', 'G22', 'G55'].map(graphFile)

/** The figures of a sampler in the oracle's lines. */
const spoken =
  (sampler: string) =>
  ({ stdout }: { stdout: string }): Measures =>
    Object.fromEntries(
      speeds.flatMap((key) => {
        const line = stdout.split('\n').find((one) => one.startsWith(`${rows[key]}: n=`))
        const rate = line === undefined ? undefined : new RegExp(`${sampler} SA ([\\d.]+)`).exec(line)?.[1]
        return rate === undefined ? [] : [[key, Number(rate)]]
      }),
    )

export const quantumSpeed: MakeCase = async () => ({
  name: 'quantum-speed',
  title: "million variable updates a second of annealing, one core, the peers' own schedule",
  conditions:
    'The same range of β and 1000 sweeps; converting the model counts, starting Node or Python does not; 64 states, or 4 one by one.',
  metrics: columns(speeds, 'higher', 0),
  inputs: graphsMissing === undefined ? graphs : [],
  ours: [
    ours('native, many states', 'speed.ts', ['native', 'many']),
    ours('native, one by one', 'speed.ts', ['native', 'single']),
    ours('WebAssembly, many states', 'speed.ts', ['wasm', 'many']),
    ours('WebAssembly, one by one', 'speed.ts', ['wasm', 'single']),
  ],
  peers: ['dwave', 'OpenJij'].map((name) =>
    peer(name, [oracleScript(script), ...graphs, '--seeds', '1', '--seconds', '0.2'], spoken(name)),
  ),
})

export const quantumTarget: MakeCase = async () => ({
  name: 'quantum-target',
  title: 'seconds to a cut, one core: G1 11624, G43 6660, G22 13357, G55 10264',
  conditions:
    'Median over ten seeds, loading not counted; dwave-samplers with the best of three lengths of runs, begun again until the cut is reached.',
  metrics: columns(['G1', 'G43', 'G22', 'G55'], 'lower', 3),
  inputs: [],
  ours: [ours('simulated-annealing', 'target.ts')],
  peers: [peer('dwave SA', ['-c', dwaveTargets(dirname(graphFile('G1')))], measured)],
})

const cutSpoken =
  (sampler: string) =>
  ({ stdout }: { stdout: string }): Measures =>
    Object.fromEntries(
      Object.keys(bestCuts).flatMap((name) => {
        const line = stdout.split('\n').find((one) => one.startsWith(`${name}.txt: median cut`))
        const cut = line === undefined ? undefined : new RegExp(`${sampler} (\\d+)`).exec(line)?.[1]
        return cut === undefined ? [] : [[name, Number(cut)]]
      }),
    )

export const quantumCut: MakeCase = async () => ({
  name: 'quantum-cut',
  title: `cut in one second, one core (best known: ${Object.entries(bestCuts)
    .map(([name, cut]) => `${name} ${cut}`)
    .join(', ')})`,
  conditions: 'Median over ten seeds.',
  metrics: columns(Object.keys(bestCuts), 'higher', 0),
  inputs: [],
  ours: [ours('auto', 'cut.ts', ['1'])],
  peers: ['dwave SA', 'dwave tabu'].map((name) =>
    peer(
      name,
      [oracleScript(script), ...Object.keys(bestCuts).map(graphFile), '--seeds', '10', '--seconds', '1'],
      cutSpoken(name),
    ),
  ),
})

const minuteNames = [...Object.keys(bestCuts), 'p3000', 'p7000']

export const quantumMinute: MakeCase = async () => ({
  name: 'quantum-minute',
  title: 'the best in a minute, two cores (best known also: p3000.1 3931583, p7000.1 14478676)',
  conditions: 'One seed; memory is the peak of the process.',
  metrics: columns([...minuteNames, 'megabytes'], 'higher', 0),
  inputs: [],
  ours: [ours('auto', 'minute.ts', minuteNames)],
  peers: [],
})

export const quantumLarge: MakeCase = async () => ({
  name: 'quantum-large',
  title: 'a million variables, five million couplings, one core',
  conditions:
    'Loading is building the model and reaching the second sweep; a sweep is the mean of five hundred, from hot to cold.',
  metrics: columns(['loadSeconds', 'sweepMilliseconds', 'megabytes'], 'lower', 1),
  inputs: [],
  ours: [ours('simulated-annealing', 'large.ts', [], undefined)],
  peers: [],
})

export const quantumBuilder: MakeCase = async () => ({
  name: 'quantum-builder',
  title: 'seconds to write a million products down',
  conditions:
    'typed: m.minimise(x.times(y).times(w)) in a loop and compile; summed: m.minimise(sum(…)) of a generator of them; plain: addQuadratic. dimod: add_quadratic in a loop.',
  metrics: columns(['typed', 'summed', 'plain'], 'lower', 2),
  inputs: [],
  ours: [ours('@qt/quantum', 'builder.ts', [], undefined)],
  peers: [peer('dimod', ['-c', dimodBuilder], measured)],
})

/** The Python that has qiskit and qiskit-aer. */
const qiskit = process.env.QT_QISKIT

export const quantumQaoa: MakeCase = async () => ({
  name: 'quantum-qaoa',
  title: 'milliseconds of a layer of QAOA on 20 qubits, one core',
  conditions:
    'A cubic graph of 30 edges. Ours with the expectation of the energy; Aer the state vector alone, transpiled before.',
  metrics: columns(['layer'], 'lower', 1),
  inputs: [],
  ours: [ours('@qt/quantum', 'qaoa.ts', [], undefined)],
  peers: [
    qiskit === undefined
      ? { name: 'Qiskit Aer', absent: 'QT_QISKIT names no Python with qiskit-aer' }
      : { name: 'Qiskit Aer', command: [qiskit, '-c', aerLayer], parse: measured },
  ],
})

export const quantumHelp: MakeCase = async () => ({
  name: 'quantum-help',
  title: 'maximum cuts of ten random cubic graphs of 16 vertices',
  conditions:
    'Solved: the optimum was found. Ratio: cut by largest cut. Share: measurements that gave the optimum. Mean: mean cut of a measurement by largest cut. QAOA is simulated without noise, 60 evaluations a layer; it and the random guesses measure 1024 times.',
  metrics: [
    { key: 'milliseconds', title: 'milliseconds', digits: 1, better: 'lower' },
    { key: 'solved', title: 'solved', digits: 0, better: 'higher' },
    { key: 'ratio', title: 'ratio', digits: 3, better: 'higher' },
    { key: 'share', title: 'share', digits: 4, better: 'higher' },
    { key: 'mean', title: 'mean', digits: 3, better: 'higher' },
  ],
  inputs: [],
  ours: [
    ['exact', 'exact'],
    ['simulated annealing, 50 sweeps', 'annealing'],
    ['greedy descent, once', 'greedy'],
    ['random guesses', 'random'],
    ['QAOA, 1 layer', 'qaoa', '1'],
    ['QAOA, 2 layers', 'qaoa', '2'],
    ['QAOA, 4 layers', 'qaoa', '4'],
  ].map(([name, ...args]) => ours(name!, 'help.ts', args, undefined)),
  peers: [],
})
