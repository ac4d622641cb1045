import { usageError } from '@qt/core'
import type { linesOf } from './lines.js'

/** Lines `i j value` of a file, as they stand there. */
export interface Entries {
  readonly rows: Uint32Array
  readonly columns: Uint32Array
  readonly values: Float64Array
  /** The line of each. */
  readonly lines: Uint32Array
}

/** Rows that grow. */
export function collectEntries(expected = 1024) {
  let capacity = Math.max(16, expected)
  let [rows, columns, lines] = [new Uint32Array(capacity), new Uint32Array(capacity), new Uint32Array(capacity)]
  let values = new Float64Array(capacity)
  let count = 0
  const larger = <T extends Uint32Array | Float64Array>(from: T, into: T): T => {
    into.set(from)
    return into
  }
  return {
    add(i: number, j: number, value: number, line: number) {
      if (count === capacity) {
        capacity *= 2
        rows = larger(rows, new Uint32Array(capacity))
        columns = larger(columns, new Uint32Array(capacity))
        lines = larger(lines, new Uint32Array(capacity))
        values = larger(values, new Float64Array(capacity))
      }
      rows[count] = i
      columns[count] = j
      lines[count] = line
      values[count++] = value
    },
    get count() {
      return count
    },
    done: (): Entries => ({
      rows: rows.subarray(0, count),
      columns: columns.subarray(0, count),
      values: values.subarray(0, count),
      lines: lines.subarray(0, count),
    }),
  }
}

/** A text reader's view of a file. */
export interface Source {
  readonly bytes: Uint8Array
  readonly file: string | undefined
  /** What is odd and was understood all the same. */
  warn(message: string): void
}

export const fileError = ({ file }: Source, line: number | undefined, message: string, action: string) =>
  usageError('QUBO_FILE', message, {
    where: { ...(file === undefined ? {} : { file }), ...(line === undefined ? {} : { line }) },
    actions: [action],
  })

/** Reads the `i j value` of the present line; a missing value is `defaultValue`, or an error. */
export function readEntry(
  lines: ReturnType<typeof linesOf>,
  source: Source,
  defaultValue?: number,
): { i: number; j: number; value: number } {
  const [i, j] = [lines.number(), lines.number()]
  const value = lines.number() ?? defaultValue
  if (i === undefined || j === undefined || value === undefined)
    throw fileError(
      source,
      lines.line,
      `A line "i j value" is expected here, not "${lines.text()}".`,
      'Complete the line or remove it.',
    )
  const further = lines.word()
  if (further !== undefined && !further.startsWith('#'))
    throw fileError(
      source,
      lines.line,
      `"${further}" stands behind the value.`,
      'Write three fields, "i j value"; a comment begins with #.',
    )
  if (!isIndex(i) || !isIndex(j))
    throw fileError(
      source,
      lines.line,
      `${isIndex(i) ? j : i} is no number of a variable.`,
      'Variables are numbered by whole numbers.',
    )
  return { i, j, value }
}

const isIndex = (value: number) => Number.isInteger(value) && value >= 0 && value < 2 ** 31

/** Each takes about a hundred bytes in all that is made of a model. */
export const mostVariables = 50_000_000

/** A number of variables that memory is for: a single wrong index would end the process. */
export function checkedSize(source: Source, line: number | undefined, size: number): number {
  if (size <= mostVariables) return size
  throw fileError(
    source,
    line,
    `There would be ${size} variables; at most ${mostVariables} are read.`,
    'Correct the number of the variable, or the count in the header; number variables without gaps.',
  )
}
