import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { root } from '../../src/root.js'
import type { Absent, Contender, MakeCase, Measures } from '../case.js'
import { oraclesPython } from '../oracles.js'

const native = 'packages/trainer-native/native'
const program = join(root, native, 'build/release/exchange_bench')
/** All weights of SmolLM2-135M. */
const numbers = 134_515_008
const env = { OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' }
const mpirun = (processes: number) => ['mpirun', '--oversubscribe', '-n', String(processes)] as const
const byVariables = (processes: number) =>
  [process.execPath, '--import', 'tsx', join(root, 'tools/bench/exchange/processes.ts'), String(processes)] as const

/** Gradients summed over processes and handed to all of them: ours, against OpenMPI's own sum through mpi4py. */
export const exchange: MakeCase = async () => ({
  name: 'exchange',
  title: `exchange of gradients between processes, ${Math.round(numbers * 4e-6)} MB of float32`,
  conditions:
    'One machine, best of several. The rate is the size of the gradients by the time until everybody has their sum. Part of a step: ours, a whole model on 128 tokens for each process and thread, where the exchange runs beside the backward pass. Efficiency: a step that each process takes for itself, while the others do so too, by one that they share.',
  metrics: [
    { key: 'rate', title: 'MB/s', digits: 0, better: 'higher' },
    { key: 'efficiency', title: '% efficiency', digits: 0, better: 'higher' },
    { key: 'waited', title: '% of a step waited', digits: 1, better: 'lower' },
    { key: 'shared', title: 'ms a shared step', digits: 0, better: 'lower' },
    { key: 'own', title: 'ms a step alone', digits: 0, better: 'lower' },
  ],
  inputs: [],
  ours: [ours(2, 'mpi'), ours(2, 'variables'), ours(2, 'loopback'), ours(1, 'mpi'), ours(4, 'mpi'), ours(4, 'variables')],
  peers: [peer(2), peer(4)],
})

const line = z.object({ rate: z.number(), own: z.number(), shared: z.number(), waited: z.number() })

/** `variables`: without MPI, through memory that processes share; `loopback`: without that as well. */
function ours(processes: number, by: 'mpi' | 'variables' | 'loopback'): Contender | Absent {
  const through = { mpi: 'MPI', variables: 'shared memory', loopback: 'TCP' }[by]
  const name = `exchange_bench, ${processes} processes, ${through}`
  if (!existsSync(program))
    return { name, absent: `build it: cmake -S ${native} -B ${native}/build/release && cmake --build ${native}/build/release` }
  if (by === 'mpi' && !mpirunHere()) return { name, absent: 'no mpirun here: apt-get install openmpi-bin' }
  return {
    name,
    command: [...(by === 'mpi' ? mpirun(processes) : byVariables(processes)), program, '1', '128', '2'],
    env: by === 'mpi' ? env : { QT_JOB_SHARED_MEMORY: by === 'loopback' ? '0' : '1' },
    parse: ({ stdout }): Measures => {
      const { waited, rate, own, shared } = line.parse(JSON.parse(stdout))
      return { ...(processes === 1 ? {} : { rate }), own, shared, waited: 100 * waited, efficiency: (100 * own) / shared }
    },
  }
}

const allreduce = `
import json, sys, time
import numpy
from mpi4py import MPI
comm, count = MPI.COMM_WORLD, int(sys.argv[1])
buffer, best = numpy.ones(count, dtype=numpy.float32), 1e9
for _ in range(5):
    comm.Barrier()
    begin = time.perf_counter()
    comm.Allreduce(MPI.IN_PLACE, buffer)
    best = min(best, time.perf_counter() - begin)
if comm.rank == 0:
    print(json.dumps({"rate": count * 4e-6 / best}))
`

/** A Python with mpi4py: QT_MPI4PY, or that of the other peers. */
function peer(processes: number): Contender | Absent {
  const name = `mpi4py Allreduce, ${processes} processes`
  const python = process.env.QT_MPI4PY ?? oraclesPython()
  if (python === undefined || spawnSync(python, ['-c', 'import mpi4py, numpy']).status !== 0)
    return { name, absent: 'mpi4py is not installed; QT_MPI4PY names a Python that has it' }
  if (!mpirunHere()) return { name, absent: 'no mpirun here: apt-get install openmpi-bin' }
  return {
    name,
    command: [...mpirun(processes), python, '-c', allreduce, String(numbers)],
    env,
    parse: ({ stdout }) => z.record(z.string(), z.number()).parse(JSON.parse(stdout)),
  }
}

const mpirunHere = (): boolean => spawnSync('mpirun', ['--version']).status === 0
