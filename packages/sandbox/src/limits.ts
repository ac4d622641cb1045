import { type ExecutionLimits, usageError } from '@qt/core'

const mebibyte = 2 ** 20

export const defaultLimits: ExecutionLimits = {
  wallSeconds: 10,
  cpuSeconds: 10,
  memoryBytes: 512 * mebibyte,
  processes: 64,
  openFiles: 256,
  fileBytes: 64 * mebibyte,
  diskBytes: 128 * mebibyte,
  outputBytes: mebibyte,
}

/**
 * Inodes of the program's file system: empty files take memory of the kernel that no size counts. Bubblewrap's has no such limit, so
 * there a program is ended at the first look after it has passed it.
 */
export const mostFiles = 20_000

/** Limits with what was given over them; numbers that cannot be are an error. */
export function limitsOf(base: ExecutionLimits, given: Partial<ExecutionLimits> = {}): ExecutionLimits {
  const limits = { ...base, ...given }
  for (const [field, value] of Object.entries(limits))
    if (!Object.hasOwn(defaultLimits, field) || typeof value !== 'number' || !(value > 0) || !Number.isFinite(value))
      throw usageError('SANDBOX_LIMIT', `The limit ${field} cannot be ${String(value)}.`, {
        where: { field: `limits.${field}` },
        actions: [`Give a number above 0; limits are ${Object.keys(defaultLimits).join(', ')}.`],
      })
  return limits
}
