import type { ErrorLocation } from '@qt/core'
import { shown } from '../scenario/finding.js'

/** The way to a value in a record: `['messages', 2, 'content']`. */
export type Path = readonly (string | number)[]

/** Something in a dataset that is wrong, or looks so. */
export interface DatasetFinding {
  /** Stable: `wrong-role`. */
  readonly code: string
  /** An error spoils the example. */
  readonly severity: 'error' | 'warning'
  readonly file?: string | undefined
  readonly line?: number | undefined
  /** From 1, of files that have rows but no lines. */
  readonly row?: number | undefined
  readonly field?: string | undefined
  readonly message: string
  readonly fix: DatasetFix
  /** `file:line field  what  fix` */
  toString(): string
}

export interface DatasetFix {
  /** What to do, for a person. */
  readonly label: string
  /** Values to put into the record: code can do it. */
  readonly set?: readonly { readonly path: Path; readonly value: unknown }[] | undefined
  /** Leaving the example out helps: done only when asked for. */
  readonly drop?: true | undefined
}

/** A finding as the checks report it: the place is added later. */
export interface DatasetProblem {
  readonly code: string
  readonly severity?: DatasetFinding['severity']
  readonly path?: Path
  readonly message: string
  readonly fix: string | DatasetFix
}

export type Report = (problem: DatasetProblem) => void

/** `messages[2].content` */
export const fieldOf = (path: Path): string =>
  path.map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? part : `.${part}`)).join('')

export function datasetFinding(
  { code, severity = 'error', path, message, fix }: DatasetProblem,
  { file, line, row, field: base }: ErrorLocation,
): DatasetFinding {
  const field = [base, path === undefined || path.length === 0 ? undefined : fieldOf(path)].filter(Boolean).join('.')
  const finding: DatasetFinding = {
    code,
    severity,
    ...(file === undefined ? {} : { file }),
    ...(line === undefined ? {} : { line }),
    ...(row === undefined ? {} : { row }),
    ...(field === '' ? {} : { field }),
    message,
    fix: typeof fix === 'string' ? { label: fix } : fix,
  }
  // Not enumerable, so that findings stay plain data for JSON and comparisons.
  return Object.defineProperty(finding, 'toString', { value: () => textOf(finding) })
}

function textOf({ file, line, row, field, message, fix }: DatasetFinding): string {
  const at = [
    line === undefined ? file : `${file ?? 'line '}${file === undefined ? '' : ':'}${line}`,
    row === undefined ? '' : `row ${row}`,
    field,
  ]
  return shown(`${at.filter(Boolean).join(' ')}  ${message}  ${fix.label}`)
}
