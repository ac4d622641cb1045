import { spawn, spawnSync } from 'node:child_process'
import { freePort } from './free-port.js'
import { bin, heard, type Outcome } from './qt.js'

/** True where mpirun is; else one line says what is skipped. */
export function mpirunHere(): boolean {
  if (spawnSync('mpirun', ['--version']).status === 0) return true
  console.log('skipped: jobs that mpirun starts (no mpirun here: apt-get install openmpi-bin)')
  return false
}

export interface StartedProcess {
  /** Of the qt process itself. */
  pid(): number | undefined
  readonly ended: Promise<Outcome>
  stderr(): string
}

function begin(command: readonly [string, ...string[]], env: Readonly<Record<string, string>> = {}): StartedProcess {
  const child = spawn(command[0], command.slice(1), { env: { ...process.env, NO_COLOR: '1', ...env } })
  return { pid: () => child.pid, ...heard(child) }
}

/** One job of mpirun; what all its processes say comes together. */
export const underMpirun = (size: number, args: readonly string[]): StartedProcess =>
  begin(['mpirun', '--oversubscribe', '-n', String(size), process.execPath, bin, ...args], {
    OMPI_ALLOW_RUN_AS_ROOT: '1',
    OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1',
  })

export interface TcpJob {
  /** What one process is told instead. */
  readonly change?: (rank: number, args: readonly string[]) => readonly string[]
  readonly env?: (rank: number) => Readonly<Record<string, string>>
  readonly host?: string
  readonly port?: number
  /** What each process is started through: ip netns exec … */
  readonly through?: (rank: number) => readonly string[]
}

/** A job whose processes know each other by the variables that torchrun sets. */
export async function byVariables(size: number, args: readonly string[], options: TcpJob = {}): Promise<StartedProcess[]> {
  const port = options.port ?? (await freePort())
  return Array.from({ length: size }, (_, rank) => {
    const [first, ...rest] = [
      ...(options.through?.(rank) ?? []),
      process.execPath,
      bin,
      ...(options.change?.(rank, args) ?? args),
    ]
    return begin([first!, ...rest], {
      RANK: String(rank),
      WORLD_SIZE: String(size),
      LOCAL_RANK: String(rank),
      LOCAL_WORLD_SIZE: String(size),
      MASTER_ADDR: options.host ?? '127.0.0.1',
      MASTER_PORT: String(port),
      ...options.env?.(rank),
    })
  })
}

/** Waits for what a process is to do, a minute at most. */
export async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 60_000
  while (!(await condition().catch(() => false))) {
    if (performance.now() > deadline) throw new Error(`not within a minute: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
