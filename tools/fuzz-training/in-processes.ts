import { readFile, writeFile } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { TrainingConfigInput } from '@qt/core'
import { freePort } from '../../packages/cli/test/free-port.js'
import { command, tail } from '../src/command.js'
import type { Crew, Ending } from './crew.js'
import type { Stop, Way } from './draw-ways.js'
import type { Order, Report } from './messages.js'

const patience = 300_000
const runner = fileURLToPath(new URL('runner.ts', import.meta.url))

export interface Turn {
  readonly processes: number
  readonly config: TrainingConfigInput & { readonly output: string }
  readonly resume: boolean
  /** What comes in between. */
  readonly stop: Stop | undefined
  readonly way: Way
}

/** Trains in so many processes, and says how each of them has ended. */
export async function inProcesses({ processes, config, resume, stop, way }: Turn, crew: Crew): Promise<Ending[]> {
  if (way.exchange === 'mpi' && processes > 1) return underMpirun(processes, { type: 'train', config, resume, env: {} })
  const port = processes > 1 ? await nextPort() : 0
  const ranks = Array.from({ length: processes }, (_, rank) => rank)
  let [events, late, over] = [0, false, false]
  const full = `${config.output}.full`
  const onEvent = async () => {
    if (++events === way.full) await writeFile(full, '')
    if (events === stop?.events) await end(stop)
  }
  const end = async (stop: Stop) => {
    await wait(stop.delay)
    if (over) return
    const rank = Math.min(stop.rank, processes - 1)
    if (stop.how === 'told') crew.stop(rank)
    else crew.kill(rank)
  }
  const timer = setTimeout(() => {
    late = true
    for (const rank of ranks) crew.kill(rank)
  }, patience)
  const ended = Promise.all(
    ranks.map((rank) => {
      const env = { ...environment(rank, processes, port, way), QT_EMULATED_GPU_FULL: way.full === undefined ? null : full }
      const order = { type: 'train', config, resume, env } as const
      return crew.train(rank, order, rank === 0 ? onEvent : () => {})
    }),
  )
  if (stop?.events === 0) await end(stop)
  const endings = await ended
  clearTimeout(timer)
  over = true
  return late ? endings.map(() => ({ how: 'died', why: `nothing for ${patience / 1000} s` })) : endings
}

const ports: number[] = []
/** Ports are used again, since each keeps a file open. */
async function nextPort(): Promise<number> {
  const port = ports.length < 64 ? await freePort() : ports.shift()!
  ports.push(port)
  return port
}

function environment(rank: number, size: number, port: number, { device, exchange }: Way): Record<string, string | null> {
  const several = {
    RANK: String(rank),
    WORLD_SIZE: String(size),
    LOCAL_RANK: String(rank),
    LOCAL_WORLD_SIZE: String(size),
    MASTER_ADDR: '127.0.0.1',
    MASTER_PORT: String(port),
  }
  return {
    ...(size > 1 ? several : Object.fromEntries(Object.keys(several).map((name) => [name, null]))),
    QT_JOB_SHARED_MEMORY: exchange === 'slow' && device === undefined ? '0' : null,
    QT_GPU_EXCHANGE: exchange === 'slow' && device === 'cuda' ? 'memory' : null,
  }
}

/** A process can join MPI only once, so that these are new ones. */
async function underMpirun(processes: number, order: Extract<Order, { type: 'train' }>): Promise<Ending[]> {
  const file = `${order.config.output}.json`
  await writeFile(file, JSON.stringify(order))
  const program = [process.execPath, '--import', 'tsx', runner, file]
  const env = { OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' }
  const limit = ['-k', '10', String(patience / 1000)]
  const ended = await command('timeout', [...limit, 'mpirun', '--oversubscribe', '-n', String(processes), ...program], { env })
  return Promise.all(
    Array.from({ length: processes }, async (_, rank): Promise<Ending> => {
      const text = await readFile(`${file}.${rank}`, 'utf8').catch(() => undefined)
      if (text === undefined) return { how: 'died', why: tail(ended) }
      const report: Extract<Report, { type: 'ended' }> = JSON.parse(text)
      return report.problem ? { how: 'failed', problem: report.problem } : { how: 'done' }
    }),
  )
}
