import { usageError } from '@qt/core'

/** Ends with an error when a flag is given that would do nothing. */
export function refuseFlags(flags: Readonly<Record<string, unknown>>, names: readonly string[], what: string): void {
  const given = names.find((name) => {
    const value = flags[name]
    return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false
  })
  if (given !== undefined)
    throw usageError('USAGE_BAD_VALUE', `--${given} does nothing for ${what}.`, { actions: [`Leave out --${given}.`] })
}
