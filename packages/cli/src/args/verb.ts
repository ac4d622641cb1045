import type { Io } from '../io.js'

/** One flag of a verb. */
export interface Flag {
  readonly type: 'text' | 'number' | 'boolean'
  /** What stands for the value in help: FILE, N … */
  readonly value?: string
  readonly description: string
  /** May be given more than once. */
  readonly many?: boolean
  readonly required?: boolean
}

export type Flags = Readonly<Record<string, Flag>>

type One<F extends Flag> = F['type'] extends 'boolean' ? boolean : F['type'] extends 'number' ? number : string
type Value<F extends Flag> = F extends { readonly many: true } ? readonly One<F>[] : One<F>

/** What the command line said, by flag. */
export type Values<F extends Flags> = {
  readonly [K in keyof F]: F[K] extends { readonly required: true } ? Value<F[K]> : Value<F[K]> | undefined
}

export interface Positional {
  readonly name: string
  readonly description: string
  readonly required?: boolean
}

export interface Verb<F extends Flags = Flags> {
  readonly name: string
  readonly summary: string
  /** More than the summary, for its help. */
  readonly details?: string
  readonly positionals?: readonly Positional[]
  readonly flags: F
  readonly examples: readonly string[]
  /** Returns the exit code, 0 unless told. */
  run(input: VerbInput<F>): Promise<number | undefined>
}

export interface VerbInput<F extends Flags = Flags> {
  readonly flags: Values<F>
  readonly positionals: readonly string[]
  /** As typed, without `qt`. */
  readonly argv: readonly string[]
  readonly io: Io
}

/** Flags that every verb has. */
export const commonFlags = {
  help: { type: 'boolean', description: 'Show this help.' },
  json: { type: 'boolean', description: 'One JSON document on standard output, everything else on standard error.' },
  verbose: { type: 'boolean', description: 'Show stack traces of errors.' },
} as const satisfies Flags

/** Keeps the literal types of a verb's flags, so that `run` knows what each one is. */
export const defineVerb = <const F extends Flags>(verb: Verb<F>): Verb<F> => verb
