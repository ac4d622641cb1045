import { type Execution, type ExecutionLimits, QtError } from '@qt/core'
import type { Box } from './box.js'
import { mostFiles } from './limits.js'
import { Output } from './output.js'
import { usageOf } from './usage.js'

export interface RunOptions {
  readonly stdin?: string | Uint8Array | undefined
  /** The text of its file, for a program that waits for it. */
  readonly file?: Uint8Array | undefined
  readonly signal?: AbortSignal | undefined
}

/** A process that puts walls up and, where its file comes later, waits within them. */
export interface Started {
  /** It has not ended by itself. */
  readonly alive: boolean
  /** Runs the program to its end, or to its first limit; once. */
  run(options: RunOptions): Promise<Execution>
  end(): void
}

type Limit = Exclude<Execution['ended'], 'exited'>

/** Milliseconds between two looks at what a program uses; most programs end before the first. */
const lookEvery = 50
/** SIGXCPU, and SIGKILL of the hard limit. */
const exitOfCpuLimit = 128 + 24

/** Watches over a box from its start; limits of time begin when it runs. `reports`: its walls say how the program ended. */
export function started(box: Box, limits: ExecutionLimits, reports: boolean): Started {
  let over: Limit | undefined
  const end = (why?: Limit) => {
    over ??= why
    box.kill()
  }
  const stdout = new Output(box.stdout, limits.outputBytes, () => end('output'))
  const stderr = new Output(box.stderr, limits.outputBytes, () => end('output'))
  const report = new Output(box.report, 65536, () => end())

  async function run({ stdin, file, signal }: RunOptions): Promise<Execution> {
    const started = performance.now()
    const wall = setTimeout(() => end('wall'), limits.wallSeconds * 1000)
    const look = setInterval(() => {
      const why = limitPassed(numberAfter(report.text(), 'child-pid'), limits)
      if (why) end(why)
    }, lookEvery)
    const onAbort = () => end()
    signal?.addEventListener('abort', onAbort, { once: true })
    box.deliver({ stdin, file })
    const code = await box.closed
    clearTimeout(wall)
    clearInterval(look)
    signal?.removeEventListener('abort', onAbort)
    const seconds = (performance.now() - started) / 1000
    const said = { stdout: stdout.text(), stderr: stderr.text(), seconds }
    signal?.throwIfAborted()
    if (over) return { exitCode: null, ended: over, ...said }
    if (box.failure) throw notRun(said.stderr, box.failure)
    // Without walls that report, a program that a signal ended has no code.
    const exitCode = reports ? numberAfter(report.text(), 'exit-code') : (code ?? 137)
    if (exitCode === undefined) throw notRun(said.stderr, undefined)
    if (exitCode === exitOfCpuLimit) return { exitCode: null, ended: 'cpu', ...said }
    return { exitCode, ended: 'exited', ...said }
  }

  return {
    get alive() {
      return box.alive
    },
    run,
    end: () => end(),
  }
}

function numberAfter(report: string, key: string): number | undefined {
  const found = new RegExp(`"${key}": (\\d+)`).exec(report)?.[1]
  return found === undefined ? undefined : Number(found)
}

function limitPassed(pid: number | undefined, limits: ExecutionLimits): Limit | undefined {
  const usage = pid === undefined ? undefined : usageOf(pid)
  if (!usage) return undefined
  if (usage.memoryBytes > limits.memoryBytes) return 'memory'
  if (usage.cpuSeconds > limits.cpuSeconds) return 'cpu'
  // Two belong to the walls; a kernel that counts processes refuses them long before.
  if (usage.processes > limits.processes + 2) return 'processes'
  return usage.files > mostFiles ? 'disk' : undefined
}

export const notRun = (stderr: string, cause: Error | undefined): QtError =>
  new QtError({
    code: 'SANDBOX_FAILED',
    message: `The sandbox could not start a program: ${(stderr.trim().split('\n')[0] || cause?.message) ?? 'it gave no reason'}.`,
    actions: ['Check that its files fit limits.diskBytes.', 'Open the sandbox anew: it checks what works on this machine.'],
    ...(cause ? { cause } : {}),
  })
