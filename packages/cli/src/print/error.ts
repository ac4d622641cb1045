import { messageOf, QtError } from '@qt/core'
import { exitCodeOf, friendly } from '../friendly-error.js'
import { pasteable } from '../init/command.js'
import type { Io } from '../io.js'

interface PrintErrorOptions {
  readonly io: Io
  readonly verbose: boolean
  /** What the document for programs has besides the error. */
  readonly more?: Readonly<Record<string, unknown>>
}

/** Says what went wrong, to people and to programs; the exit code. */
export function printError(thrown: unknown, { io, verbose, more = {} }: PrintErrorOptions): number {
  io.document({ ...errorDocument(thrown), ...more })
  io.note(errorText(thrown, { verbose, color: io.color }))
  return exitCodeOf(thrown)
}

/** An error for people: what, where, what to do, where to read on. A stack trace only when asked for. */
export function errorText(thrown: unknown, { verbose, color }: { verbose: boolean; color: boolean }): string {
  const error = friendly(thrown)
  const paint = (code: number, text: string) => (color ? `\u001b[${code}m${text}\u001b[0m` : text)
  if (!QtError.isInstance(error))
    return [
      `${paint(31, 'error:')} ${messageOf(error)}`,
      '  → This should not happen: please report it with the output of the same command and --verbose.',
      ...(verbose ? stack(error) : []),
      '',
    ].join('\n')
  return [
    `${paint(31, 'error:')} ${error.message}`,
    ...(error.place ? [`  at ${error.place}`] : []),
    ...error.actions.flatMap(({ label, command }) => [`  → ${label}`, ...(command ? [`      ${pasteable(command)}`] : [])]),
    `  ${paint(2, `help: ${error.help}`)}`,
    ...(verbose ? stack(error) : []),
    '',
  ].join('\n')
}

/** The same for programs. */
export function errorDocument(thrown: unknown): { error: unknown } {
  const error = friendly(thrown)
  if (!QtError.isInstance(error)) return { error: { code: 'UNEXPECTED', message: messageOf(error) } }
  const actions = error.actions.map((action) =>
    action.command === undefined ? action : { ...action, command: pasteable(action.command) },
  )
  return { error: { ...error.toJSON(), actions } }
}

function stack(error: unknown): string[] {
  if (!(error instanceof Error)) return []
  return ['', error.stack ?? '', ...(error.cause === undefined ? [] : ['caused by:', ...stack(error.cause)])]
}
