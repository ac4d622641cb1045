import type { ErrorAction } from '@qt/core'

/** One thing that was looked at. */
export interface Finding {
  /** Stable: `node`, `engine`, `gpu`, … */
  readonly check: string
  /** `missing`: something does not work without it; `advice`: it works, less well than it could. */
  readonly status: 'fine' | 'advice' | 'missing'
  /** What there is. */
  readonly found: string
  /** Why that matters, and what runs all the same. */
  readonly why?: string
  readonly actions: readonly ErrorAction[]
}

export const fine = (check: string, found: string): Finding => ({ check, status: 'fine', found, actions: [] })

export const finding = (
  check: string,
  status: 'advice' | 'missing',
  found: string,
  why: string,
  ...actions: readonly ErrorAction[]
): Finding => ({ check, status, found, why, actions })
