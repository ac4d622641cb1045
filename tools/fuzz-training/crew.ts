import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { cublasLtLibrary, cudaLibrary, ncclLibrary } from '../../packages/cli/test/emulated-gpu.js'
import type { Order, Problem, Report } from './messages.js'

const program = fileURLToPath(new URL('runner.ts', import.meta.url))

/** How a process came to the end of a run. */
export type Ending =
  | { readonly how: 'done' }
  | { readonly how: 'failed'; readonly problem: Problem }
  | { readonly how: 'died'; readonly why: string }

/** Processes that train, kept from run to run: to start one takes longer than a run. */
export interface Crew {
  train(rank: number, order: Extract<Order, { type: 'train' }>, onEvent: (event: string) => void): Promise<Ending>
  stop(rank: number): void
  kill(rank: number): void
  close(): void
}

export function crew(): Crew {
  const members = new Map<number, ChildProcess>()
  const member = (rank: number): ChildProcess => {
    const there = members.get(rank)
    if (there?.connected && there.exitCode === null && there.signalCode === null) return there
    const child = fork(program, {
      execArgv: ['--import', 'tsx'],
      env: {
        ...process.env,
        QT_CUDA_LIBRARY: cudaLibrary,
        QT_NCCL_LIBRARY: ncclLibrary,
        QT_CUBLASLT_LIBRARY: cublasLtLibrary,
        QT_JOB_TIMEOUT: '100',
      },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    members.set(rank, child)
    return child
  }
  return {
    train(rank, order, onEvent) {
      const child = member(rank)
      return new Promise((resolve) => {
        const end = (ending: Ending) => {
          child.off('message', hear)
          child.off('exit', exited)
          resolve(ending)
        }
        const hear = (report: Report) => {
          if (report.type === 'event') onEvent(report.event)
          else end(report.problem ? { how: 'failed', problem: report.problem } : { how: 'done' })
        }
        const exited = (code: number | null, signal: string | null) => end({ how: 'died', why: signal ?? `exit code ${code}` })
        child.on('message', hear)
        child.on('exit', exited)
        child.send(order)
      })
    },
    stop(rank) {
      const order: Order = { type: 'stop' }
      members.get(rank)?.send(order)
    },
    kill(rank) {
      members.get(rank)?.kill('SIGKILL')
      // It may take a moment to go.
      members.delete(rank)
    },
    close() {
      for (const child of members.values()) child.kill('SIGKILL')
    },
  }
}
