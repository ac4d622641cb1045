import { messageOf, QtError } from '@qt/core'
import { friendly } from '../friendly-error.js'

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
    ...error.actions.flatMap(({ label, command }) => [`  → ${label}`, ...(command ? [`      ${command}`] : [])]),
    `  ${paint(2, `help: ${error.help}`)}`,
    ...(verbose ? stack(error) : []),
    '',
  ].join('\n')
}

/** The same for programs. */
export function errorDocument(thrown: unknown): { error: unknown } {
  const error = friendly(thrown)
  return { error: QtError.isInstance(error) ? error.toJSON() : { code: 'UNEXPECTED', message: messageOf(error) } }
}

function stack(error: unknown): string[] {
  if (!(error instanceof Error)) return []
  return ['', error.stack ?? '', ...(error.cause === undefined ? [] : ['caused by:', ...stack(error.cause)])]
}
