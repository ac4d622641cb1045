import { type ErrorLocation, usageError } from '@qt/core'

/** A record that does not say what its format asks for: file, line and field, and the fix. */
export const recordError = (where: ErrorLocation, field: string, message: string, action: string) =>
  usageError('DATA_RECORD_INVALID', message, {
    where: { ...where, field: [where.field, field].filter(Boolean).join('.') },
    actions: [action],
  })
