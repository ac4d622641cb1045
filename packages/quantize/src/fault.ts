import { QtError } from '@qt/core'
import type { NativeFault } from './binding.js'
import { notFinite, tooLarge } from './finite.js'

/** What the native side refused, in the words of the reference. */
export const faultError = ({ kind, index, value }: NativeFault, type: string): QtError =>
  kind === 'not-finite' ? notFinite(index, value) : tooLarge(type, index, value)

/** Names tensor and file in an error about one of its values, whose positions count from value `start` of the tensor. */
export function inTensor(cause: QtError, name: string, file: string, start = 0): QtError {
  const part = start === 0 ? '' : ` (its part from value ${start} on)`
  const field = cause.where?.field?.replace(/\d+/, (position) => String(start + Number(position))) ?? ''
  return new QtError({
    code: cause.code,
    message: `The tensor ${name} cannot be quantised${part}. ${cause.message}`,
    where: { file, field: `${name}${field}` },
    actions: cause.actions,
    kind: cause.kind,
    cause,
  })
}

/** The same error with its position counted from further ahead. */
export function shifted(cause: QtError, by: number): QtError {
  const move = (text: string) => text.replace(/\d+/, (position) => String(by + Number(position)))
  return new QtError({
    code: cause.code,
    message: move(cause.message),
    where: { field: move(cause.where?.field ?? '') },
    actions: cause.actions,
    kind: cause.kind,
    cause,
  })
}
