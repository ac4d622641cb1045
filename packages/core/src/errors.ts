const marker = Symbol.for('qt.error')

/** Something a person, or code, can do about an error. */
export interface ErrorAction {
  /** One imperative sentence: "Install a C++ compiler". */
  readonly label: string
  /** A command that does it, when one exists. */
  readonly command?: string
}

/** Where bad input lies. */
export interface ErrorLocation {
  readonly file?: string
  readonly line?: number
  /** From 1, of a file that has rows but no lines. */
  readonly row?: number
  readonly field?: string
}

export interface QtErrorOptions {
  /** Stable, SCREAMING_SNAKE; programs may test for it. */
  readonly code: string
  /** One plain sentence. */
  readonly message: string
  readonly actions?: readonly (string | ErrorAction)[]
  readonly where?: ErrorLocation
  readonly help?: string
  readonly cause?: unknown
  /** `usage` makes the command exit with 2 (bad usage or input) instead of 1. */
  readonly kind?: 'usage' | 'failure' | 'interrupted'
}

/**
 * An error written for people: a stable code, one sentence, where it happened and what to do.
 *
 * @example
 * ```ts
 * const error = new QtError({ code: 'FILE_MISSING', message: 'There is no file at model.gguf.', actions: ['Check the path.'] })
 * QtError.isInstance(error) // true, also for an error of another copy of this package
 * ```
 */
export class QtError extends Error {
  readonly code: string
  readonly actions: readonly ErrorAction[]
  readonly where: ErrorLocation | undefined
  readonly help: string
  readonly kind: 'usage' | 'failure' | 'interrupted'

  constructor(options: QtErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'QtError'
    this.code = options.code
    this.actions = (options.actions ?? []).map((action) => (typeof action === 'string' ? { label: action } : action))
    this.where = options.where
    this.help = options.help ?? `docs/errors.md#${options.code.toLowerCase().replaceAll('_', '-')}`
    this.kind = options.kind ?? 'failure'
    Object.defineProperty(this, marker, { value: true })
  }

  /** True for every QtError, whichever copy of this package made it. */
  static isInstance(value: unknown): value is QtError {
    return typeof value === 'object' && value !== null && marker in value
  }

  /** The location as `file:line field` or `file row n field`, or an empty string. */
  get place(): string {
    const { file, line, row, field } = this.where ?? {}
    const at = file === undefined ? (line === undefined ? '' : `line ${line}`) : line === undefined ? file : `${file}:${line}`
    return [at, row === undefined ? '' : `row ${row}`, field].filter(Boolean).join(' ')
  }

  toJSON() {
    return { code: this.code, message: this.message, where: this.where, actions: this.actions, help: this.help }
  }
}

/** Bad input or usage: exit code 2. */
export const usageError = (code: string, message: string, more: Omit<QtErrorOptions, 'code' | 'message' | 'kind'> = {}) =>
  new QtError({ code, message, kind: 'usage', ...more })

/** The message of anything thrown. */
export const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown))
