import { usageError } from '@qt/core'
import type { Flags } from './args/verb.js'

/** Where a model is asked, of verbs that load one. */
export const engineFlags = {
  threads: { type: 'number', value: 'N', description: 'Threads; left out: what the machine allows.' },
  device: { type: 'text', value: 'NAME', description: 'cpu, or an NVIDIA GPU by its number: cuda, cuda:1 (default cpu).' },
} as const satisfies Flags

/** As loading a model and training one take it. */
export interface EngineOptions {
  readonly threads?: number
  readonly device?: string
}

/** What flags say; a device that is none is refused by the name of its flag, before anything is read. */
export function engineOptions(
  { threads, device }: { readonly threads?: number | undefined; readonly device?: string | undefined },
  flag = 'device',
): EngineOptions {
  if (device !== undefined && !/^(cpu|cuda(:\d+)?)$/.test(device))
    throw usageError('USAGE_BAD_VALUE', `--${flag} must be cpu, cuda or cuda:N, not "${device}".`, {
      actions: [`Leave --${flag} out.`],
    })
  return { ...(threads === undefined ? {} : { threads }), ...(device === undefined ? {} : { device }) }
}
