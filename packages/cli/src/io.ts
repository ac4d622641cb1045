import { timedLines } from './print/timed-lines.js'

/** Where a verb prints. Results go to standard output, everything else to standard error. */
export interface Io {
  /** --json was given: `out` is silent, `json` prints. */
  readonly json: boolean
  /** Standard error is a terminal: bars may be drawn. */
  readonly terminal: boolean
  readonly color: boolean
  /** Part of a result for people. */
  out(text: string): void
  /** The result for programs; once. */
  document(value: unknown): void
  /** Progress and remarks. */
  note(text: string): void
  /** Everything on standard input. */
  input(): Promise<string>
}

export function createIo(json: boolean): Io {
  const { stdin, stdout, stderr, env } = process
  const toOut = (text: string): unknown => stdout.write(text)
  const toError = (text: string): unknown => stderr.write(text)
  const timed = env.QT_LOG_TIMES === '1'
  const [out, note] = timed ? [timedLines(toOut), timedLines(toError)] : [toOut, toError]
  return {
    json,
    terminal: stderr.isTTY === true && env.TERM !== 'dumb',
    color: stderr.isTTY === true && env.NO_COLOR === undefined && env.TERM !== 'dumb',
    out: (text) => {
      if (!json) out(text)
    },
    document: (value) => {
      if (json) stdout.write(`${JSON.stringify(value)}\n`)
    },
    note: (text) => {
      note(text)
    },
    input: async () => {
      const pieces: Buffer[] = []
      for await (const piece of stdin) pieces.push(Buffer.from(piece))
      return Buffer.concat(pieces).toString('utf8')
    },
  }
}
