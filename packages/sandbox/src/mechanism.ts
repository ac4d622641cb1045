import type { ExecutionLimits } from '@qt/core'
import type { View } from './system-view.js'

export type MechanismKind = 'bubblewrap' | 'namespaces' | 'none'

/** What keeps programs in. */
export interface Mechanism {
  readonly kind: MechanismKind
  /** Of bubblewrap or of util-linux. */
  readonly version: string
  /** System calls are filtered. */
  readonly seccomp: boolean
  /** What does not hold on this machine, a sentence each. */
  readonly notes: readonly string[]
}

/** One program, with everything decided. */
export interface Prepared {
  readonly command: readonly string[]
  readonly files: ReadonlyMap<string, Uint8Array>
  readonly env: Readonly<Record<string, string>>
  readonly limits: ExecutionLimits
  readonly view: readonly View[]
}

/** A process to start. Descriptor 3 is a pipe that reports, those from 4 on are `descriptors`. */
export interface Invocation {
  readonly command: readonly [string, ...string[]]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  readonly descriptors: readonly number[]
  /** After the last process ended. */
  dispose(): void
}

export interface Confinement {
  readonly mechanism: Mechanism
  prepare(program: Prepared): Invocation
  /**
   * A command that puts walls up for a program whose only file is not known yet but by name, and waits for its text within them:
   * it reports on descriptor 3, reads the text from 4 and `filter` from 5. Left out where walls cannot wait.
   */
  readonly ahead?: { readonly filter: Uint8Array | undefined; command(program: Prepared): readonly string[] }
}

/** Where the program's files lie and where it starts. */
export const workFolder = '/tmp/work'
