/** Something in a scenario file that is wrong, or looks so. */
export interface Finding {
  /** Stable: `result-sum`. */
  readonly code: string
  /** An error keeps the file out of training. */
  readonly severity: 'error' | 'warning'
  readonly file?: string
  readonly line: number
  readonly message: string
  readonly fix: Fix
  /** `file:line  what  fix` */
  toString(): string
}

export interface Fix {
  /** What to do, for a person. */
  readonly label: string
  /** With `replace`: the line to replace. */
  readonly line?: number
  /** The last line to replace, when it is not the same. */
  readonly to?: number
  /** The lines that take its place: none deletes it, two insert one. */
  readonly replace?: readonly string[]
}

/** A finding as the checks report it: the file is added later. */
export interface Problem {
  readonly code: string
  readonly severity?: Finding['severity']
  readonly line: number
  readonly message: string
  readonly fix: string | Fix
}

export function toFinding({ code, severity = 'error', line, message, fix }: Problem, file?: string): Finding {
  const plain = {
    code,
    severity,
    ...(file === undefined ? {} : { file }),
    line,
    message,
    fix: typeof fix === 'string' ? { label: fix } : fix,
  }
  const text = shown(`${file === undefined ? `line ${line}` : `${file}:${line}`}  ${message}  ${plain.fix.label}`)
  // Not enumerable, so that findings stay plain data for JSON and comparisons.
  return Object.defineProperty(plain, 'toString', { value: () => text })
}

/** Control characters of a file or its name, so that they do not reach a terminal. */
export const shown = (text: string): string =>
  text.replace(/\p{Cc}|[\u202a-\u202e\u2066-\u2069]/gu, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`)
