import { basename, resolve } from 'node:path'
import type { TrainingConfig } from '@qt/core'
import { slurmMemory, slurmSeconds } from './slurm-values.js'
import { badValue } from './submit-errors.js'
import { requireWholeGroups } from './whole-groups.js'

/** What a job asks of the cluster, and how training is started there. */
export interface SlurmOptions {
  readonly nodes?: number | undefined
  /** Processes on each node, one for each GPU as a rule. */
  readonly tasksPerNode?: number | undefined
  /** `4`, or with a type, `h100:4`. */
  readonly gpusPerNode?: string | undefined
  readonly cpusPerTask?: number | undefined
  /** Of each node: `32G`. */
  readonly memory?: string | undefined
  /** As Slurm writes it: `12:00:00`, `2-00`. */
  readonly time?: string | undefined
  readonly partition?: string | undefined
  readonly account?: string | undefined
  /** Left out: the name of the run's folder. */
  readonly name?: string | undefined
  /** Queue again after the time limit, preemption or a dead node, and go on. Default true. */
  readonly requeue?: boolean | undefined
  /** Seconds before the time limit in which the run saves itself. Default 120, or a quarter of a short limit. */
  readonly grace?: number | undefined
  /** How processes find each other: `pmix` through MPI, `none` by RANK, WORLD_SIZE, MASTER_ADDR. Default pmix for several. */
  readonly mpi?: string | undefined
  /** Shell lines that come first on the first node: `module load …`. */
  readonly setup?: readonly string[] | undefined
  /** What starts qt on the nodes, as a shell reads it. Default `qt`. */
  readonly command?: string | undefined
  /** The working folder, to which paths of the configuration are relative. Default the current one. */
  readonly folder?: string | undefined
}

export interface SlurmSettings {
  readonly nodes: number
  readonly tasksPerNode: number
  readonly gpusPerNode: string | undefined
  readonly cpusPerTask: number | undefined
  readonly memory: string | undefined
  readonly time: string | undefined
  readonly partition: string | undefined
  readonly account: string | undefined
  readonly name: string
  readonly requeue: boolean
  readonly grace: number
  readonly mpi: string
  readonly setup: readonly string[]
  readonly command: string
  readonly folder: string
}

/** Defaults filled in, and everything checked that can be without asking the cluster. */
export function slurmSettings(config: TrainingConfig, options: SlurmOptions): SlurmSettings {
  const nodes = whole('nodes', options.nodes ?? 1)
  const tasksPerNode = whole('tasks-per-node', options.tasksPerNode ?? 1)
  const { tensorParallel } = config.training
  requireWholeGroups(config, tasksPerNode, `Ask for --tasks-per-node ${tensorParallel}, or a multiple of it.`)
  const seconds = options.time === undefined ? undefined : slurmSeconds(options.time)
  const grace = whole('grace', options.grace ?? Math.min(120, Math.max(1, Math.floor((seconds ?? 480) / 4))))
  if (seconds !== undefined && grace >= seconds)
    throw badValue('grace', `Nothing is left of ${options.time} when ${grace} s are kept for saving.`, 'Ask for more time.')
  if (options.gpusPerNode !== undefined && !/^([\w.-]+:)?[1-9]\d*$/.test(options.gpusPerNode))
    throw badValue(
      'gpus-per-node',
      `GPUs of a node cannot be "${options.gpusPerNode}".`,
      'Write a number, or type:number: h100:4.',
    )
  // Processes that srun starts by PMI-2 have a PMI_RANK, which the training does not know.
  if (options.mpi === 'pmi2') throw badValue('mpi', 'Processes do not find each other through pmi2.', 'Use pmix, or none.')
  for (const line of options.setup ?? [])
    if (/[\r\n]/.test(line))
      throw badValue('setup', 'A line of --setup holds more than one line.', 'Give --setup once for each line.')
  return {
    nodes,
    tasksPerNode,
    gpusPerNode: options.gpusPerNode,
    cpusPerTask: options.cpusPerTask === undefined ? undefined : whole('cpus-per-task', options.cpusPerTask),
    memory: options.memory === undefined ? undefined : slurmMemory(options.memory),
    time: options.time,
    partition: word('partition', options.partition),
    account: word('account', options.account),
    name: word('name', options.name) ?? safeName(config.output),
    requeue: options.requeue ?? true,
    grace,
    mpi: word('mpi', options.mpi) ?? (nodes * tasksPerNode > 1 ? 'pmix' : 'none'),
    setup: options.setup ?? [],
    command: options.command ?? 'qt',
    folder: resolve(options.folder ?? '.'),
  }
}

function whole(field: string, value: number): number {
  if (Number.isInteger(value) && value > 0) return value
  throw badValue(field, `--${field} must be a whole number from 1, not ${value}.`, `Write --${field} 1.`)
}

/** Names go into the script's directives as they are. */
function word(field: string, value: string | undefined): string | undefined {
  if (value === undefined || /^[\w.,@+-]+$/.test(value)) return value
  throw badValue(field, `--${field} cannot be "${value}".`, 'Use letters, digits, dots, dashes and underscores.')
}

const safeName = (output: string): string => `qt-${basename(resolve(output)).replace(/[^\w.-]+/g, '-')}`
