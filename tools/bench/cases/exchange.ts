import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { root } from '../../src/root.js'
import type { Absent, Contender, MakeCase, Measures } from '../case.js'
import { oraclesPython } from '../oracles.js'

const native = 'packages/trainer-native/native'
const program = join(root, native, 'build/release/exchange_bench')
const processes = 2
/** All weights of SmolLM2-135M. */
const numbers = 134_515_008
const env = { OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' }
const mpirun = ['mpirun', '--oversubscribe', '-n', String(processes)] as const

/** Gradients summed over processes and handed to all of them: ours, against OpenMPI's own sum through mpi4py. */
export const exchange: MakeCase = async () => ({
  name: 'exchange',
  title: `exchange of gradients between ${processes} processes, ${Math.round(numbers * 4e-6)} MB of float32`,
  conditions:
    'One machine, best of several. The rate is the size of the gradients by the time until everybody has their sum. Part of a step: ours, a whole model on 256 tokens for each process and thread, where the exchange runs beside the backward pass.',
  metrics: [
    { key: 'rate', title: 'MB/s', digits: 0, better: 'higher' },
    { key: 'waited', title: '% of a step waited', digits: 1, better: 'lower' },
    { key: 'shared', title: 'ms a shared step', digits: 0, better: 'lower' },
    { key: 'own', title: 'ms a step alone', digits: 0, better: 'lower' },
  ],
  inputs: [],
  ours: [ours()],
  peers: [peer()],
})

const line = z.object({ rate: z.number(), own: z.number(), shared: z.number(), waited: z.number() })

function ours(): Contender | Absent {
  const name = 'exchange_bench, MPI'
  if (!existsSync(program))
    return { name, absent: `build it: cmake -S ${native} -B ${native}/build/release && cmake --build ${native}/build/release` }
  if (!mpirunHere()) return { name, absent: 'no mpirun here: apt-get install openmpi-bin' }
  return {
    name,
    command: [...mpirun, program, '1', '256', '3'],
    env,
    parse: ({ stdout }): Measures => {
      const { waited, ...others } = line.parse(JSON.parse(stdout))
      return { ...others, waited: 100 * waited }
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
function peer(): Contender | Absent {
  const name = 'mpi4py Allreduce'
  const python = process.env.QT_MPI4PY ?? oraclesPython()
  if (python === undefined || spawnSync(python, ['-c', 'import mpi4py, numpy']).status !== 0)
    return { name, absent: 'mpi4py is not installed; QT_MPI4PY names a Python that has it' }
  if (!mpirunHere()) return { name, absent: 'no mpirun here: apt-get install openmpi-bin' }
  return {
    name,
    command: [...mpirun, python, '-c', allreduce, String(numbers)],
    env,
    parse: ({ stdout }) => z.record(z.string(), z.number()).parse(JSON.parse(stdout)),
  }
}

const mpirunHere = (): boolean => spawnSync('mpirun', ['--version']).status === 0
