import { parseConfig, type TrainingConfig } from '@qt/core'
import { loadConfig } from '@qt/core/node'
import type { Flags } from './args/verb.js'
import { overridesFromFlags, trainFlags } from './train-flags.js'

/** The configuration of the training that is submitted: a file, and flags that override it as those of qt train do. */
export const submittedConfigFlags: Flags = {
  config: { type: 'text', value: 'FILE', description: 'The configuration of the training; flags of qt train override it.' },
  ...trainFlags,
}

export async function submittedConfig(flags: Readonly<Record<string, unknown>>): Promise<TrainingConfig> {
  const overrides = overridesFromFlags(flags)
  const { config: file } = flags
  return typeof file === 'string' ? loadConfig(file, overrides) : parseConfig({}, { overrides })
}
