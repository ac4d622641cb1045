import { availableParallelism } from 'node:os'
import { type Execution, type ExecutionLimits, type Executor, type Program, QtError, usageError } from '@qt/core'
import { chooseConfinement } from './choose.js'
import { resolveProgram } from './language.js'
import { defaultLimits, limitsOf } from './limits.js'
import { type Confinement, type Mechanism, type MechanismKind, workFolder } from './mechanism.js'
import { findNode, findPython, systemPath } from './programs.js'
import { Slots } from './slots.js'
import { systemView } from './system-view.js'
import { WarmBoxes } from './warm-boxes.js'

export interface SandboxOptions {
  /** Of every program that does not bring its own; default 10 s, 512 MiB, 64 processes, 128 MiB of files, 1 MiB of output. */
  readonly limits?: Partial<ExecutionLimits>
  /** Programs at once; default: as many as the machine has cores. */
  readonly parallel?: number
  /** Folders and files of the host that programs may read, at the same path. */
  readonly readOnly?: readonly string[]
  /** Only this mechanism; `none` runs programs unconfined. Left out: bubblewrap, else plain namespaces, else an error. */
  readonly mechanism?: MechanismKind
}

export interface Sandbox extends Executor {
  /** What keeps programs in. */
  readonly mechanism: Mechanism
  readonly limits: ExecutionLimits
  /** Ends what still runs. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** For a caller that is root: users that own nothing, one for each box at once. */
const firstUser = 65_000

/**
 * Finds out what works on this machine, and opens a place to run programs in that nobody has read: no network, nothing of the
 * host but its programs and libraries, a private /tmp, limits. It refuses where none of that works.
 *
 * @example
 * ```ts
 * const sandbox = await openSandbox({ limits: { wallSeconds: 5 } })
 * try {
 *   const { ended, exitCode, stdout } = await sandbox.run({ language: 'python', code: 'print(6 * 7)' })
 * } finally {
 *   await sandbox.close()
 * }
 * ```
 */
export async function openSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const { parallel = availableParallelism() } = options
  if (!Number.isInteger(parallel) || parallel < 1 || parallel > 256)
    throw usageError('SANDBOX_LIMIT', `${parallel} programs at once are not possible.`, { actions: ['Give 1 to 256.'] })
  const limits = limitsOf(defaultLimits, options.limits)
  const interpreters = { node: findNode(), python: findPython() }
  const view = systemView([...interpreters.node.needs, ...(interpreters.python?.needs ?? []), ...(options.readOnly ?? [])])
  const root = process.getuid?.() === 0
  const slots = new Slots(parallel)
  const stop = new AbortController()
  const boxes = new Map<Confinement, WarmBoxes>()
  const boxesOf = (confinement: Confinement): WarmBoxes => {
    const known =
      boxes.get(confinement) ?? new WarmBoxes(confinement, root && confinement.mechanism.kind !== 'none' ? firstUser : undefined)
    boxes.set(confinement, known)
    return known
  }
  const runIn = async (confinement: Confinement, program: Program): Promise<Execution> => {
    program.signal?.throwIfAborted()
    if (stop.signal.aborted) throw closed()
    const own = limitsOf(limits, program.limits)
    const { command, files } = await resolveProgram(program, interpreters, own.memoryBytes)
    checkSize(files, own)
    return slots.use(async (slot) => {
      const signal = program.signal ? AbortSignal.any([program.signal, stop.signal]) : stop.signal
      signal.throwIfAborted()
      const prepared = { command, files, env: environment(program), limits: own, view }
      return boxesOf(confinement).run(slot, prepared, { stdin: program.stdin, signal })
    })
  }
  const confinement = await chooseConfinement(options.mechanism, runIn)
  const close = async () => {
    stop.abort(closed())
    for (const one of boxes.values()) one.end()
  }
  return {
    mechanism: confinement.mechanism,
    limits,
    run: (program) => runIn(confinement, program),
    close,
    [Symbol.asyncDispose]: close,
  }
}

const environment = ({ env }: Program): Record<string, string> => ({
  PATH: systemPath,
  HOME: workFolder,
  TMPDIR: '/tmp',
  LANG: 'C.UTF-8',
  PYTHONDONTWRITEBYTECODE: '1',
  // The order of sets is the same in every run.
  PYTHONHASHSEED: '0',
  ...env,
})

function checkSize(files: ReadonlyMap<string, Uint8Array>, { diskBytes, fileBytes }: ExecutionLimits): void {
  let sum = 0
  for (const [name, { length }] of files) {
    sum += Math.ceil(length / 4096) * 4096
    if (length > fileBytes || sum > diskBytes)
      throw usageError('SANDBOX_LIMIT', `The program's files are larger than its limits (at ${name}).`, {
        actions: ['Raise limits.diskBytes and limits.fileBytes.'],
      })
  }
}

const closed = () =>
  new QtError({ code: 'SANDBOX_CLOSED', message: 'The sandbox was closed.', actions: ['Open it again with openSandbox.'] })
