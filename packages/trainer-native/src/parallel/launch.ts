import { cpus } from 'node:os'
import { usageError } from '@qt/core'

/** Which process of a job this is, by what started it. */
export interface Launch {
  readonly kind: 'mpi' | 'tcp'
  readonly rank: number
  readonly size: number
  /** Processes of the job on this machine. */
  readonly localSize: number
  /** Which of them this is; takes the GPU of that number. */
  readonly localRank: number
  /** Whoever started it has given it processors of its own, or a part of the machine that it shares. */
  readonly bound: boolean
  /** TCP: where rank 0 listens. */
  readonly host: string
  readonly port: number
}

type Environment = Readonly<Record<string, string | undefined>>

const torch = ['RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT'] as const

/** From the environment; undefined where this process is alone. */
export function launchOf(environment: Environment = process.env): Launch | undefined {
  const count = (name: string, least: number): number => {
    const value = Number(environment[name])
    if (Number.isInteger(value) && value >= least) return value
    throw launchError(`${name} is "${environment[name] ?? ''}", and must be a whole number from ${least} on.`)
  }
  const optional = (name: string): number => (environment[name] === undefined ? 1 : count(name, 1))
  const local = (name: string): number => (environment[name] === undefined ? 0 : count(name, 0))
  const host = (): string => {
    const name = environment.MASTER_ADDR?.trim()
    if (name) return name
    throw launchError('MASTER_ADDR is empty, and must be the name or address of the machine of rank 0.')
  }
  const port = (): number => {
    const number = count('MASTER_PORT', 1)
    // torchrun keeps the port for a store of its own, and says so.
    const taken = environment.TORCHELASTIC_USE_AGENT_STORE === 'True' ? 1 : 0
    if (number + taken <= 65_535) return number + taken
    throw launchError(`MASTER_PORT is ${number}, and must be a number from 1 to ${65_535 - taken}.`)
  }
  const launched = (): Launch | undefined => {
    if (torch.every((name) => environment[name] !== undefined)) {
      // Who is alone listens nowhere.
      const size = count('WORLD_SIZE', 1)
      return {
        kind: 'tcp',
        rank: count('RANK', 0),
        size,
        localSize: optional('LOCAL_WORLD_SIZE'),
        localRank: local('LOCAL_RANK'),
        // srun has bound each task; what torchrun starts shares what torchrun was given.
        bound: environment.SLURM_CPU_BIND !== undefined && environment.TORCHELASTIC_RUN_ID === undefined,
        host: size === 1 ? '' : host(),
        port: size === 1 ? 0 : port(),
      }
    }
    const mpi = { kind: 'mpi', host: '', port: 0 } as const
    if (environment.OMPI_COMM_WORLD_SIZE !== undefined) {
      const [rank, size] = [count('OMPI_COMM_WORLD_RANK', 0), count('OMPI_COMM_WORLD_SIZE', 1)]
      return {
        ...mpi,
        rank,
        size,
        localSize: optional('OMPI_COMM_WORLD_LOCAL_SIZE'),
        localRank: local('OMPI_COMM_WORLD_LOCAL_RANK'),
        bound: environment.OMPI_MCA_orte_bound_at_launch === '1',
      }
    }
    if (environment.PMIX_RANK !== undefined && environment.SLURM_STEP_NUM_TASKS !== undefined) {
      const [rank, size] = [count('PMIX_RANK', 0), count('SLURM_STEP_NUM_TASKS', 1)]
      return {
        ...mpi,
        rank,
        size,
        localSize: Math.ceil(size / optional('SLURM_STEP_NUM_NODES')),
        localRank: local('SLURM_LOCALID'),
        bound: environment.SLURM_CPU_BIND !== undefined,
      }
    }
    if (environment.SLURM_STEP_ID !== undefined && Number(environment.SLURM_STEP_NUM_TASKS) > 1)
      throw launchError(`Slurm started ${environment.SLURM_STEP_NUM_TASKS} processes that do not know each other.`, [
        { label: 'Start them with PMIx', command: 'srun --mpi=pmix qt train --config train.yaml' },
        { label: 'Or, without PMIx', command: 'qt submit slurm --mpi none --config train.yaml' },
      ])
    // Each of them would train by itself, and all into one folder.
    const missing = torch.filter((name) => environment[name] === undefined)
    if (environment.WORLD_SIZE !== undefined && environment.WORLD_SIZE !== '1')
      throw launchError(`WORLD_SIZE is ${environment.WORLD_SIZE}, and ${listOf(missing)} not set.`, [
        { label: 'Give each process its RANK, and all of them host and port of rank 0 as MASTER_ADDR and MASTER_PORT.' },
        { label: 'Alone? Take WORLD_SIZE out of the environment: env -u WORLD_SIZE qt …' },
      ])
    return undefined
  }
  const found = launched()
  if (found === undefined || found.size === 1) return undefined
  if (found.rank >= found.size) throw launchError(`This process has the rank ${found.rank} of ${found.size}: ranks count from 0.`)
  return found
}

const listOf = (names: readonly string[]): string =>
  names.length === 1 ? `${names[0]} is` : `${names.slice(0, -1).join(', ')} and ${names.at(-1)} are`

const launchError = (message: string, actions: readonly { label: string; command?: string }[] = []) =>
  usageError('JOB_LAUNCH', message, {
    actions: [...actions, 'Start all processes with mpirun, srun --mpi=pmix or torchrun: docs/many-machines.md.'],
  })

/** Of the processors that a process may use, its part where it shares them with others of its job. */
export function threadsOf(
  processors: number,
  { localSize, bound }: Pick<Launch, 'localSize' | 'bound'>,
  machine: number = cpus().length,
): number {
  // Where all of them together fit into the machine, each has been given its own; else what they were given overlaps.
  if (bound && processors * localSize <= machine) return processors
  return Math.max(1, Math.floor((bound ? machine : processors) / localSize))
}
