import { parseConfig, type QtError, type Tokenizer, type TrainingConfig, usageError } from '@qt/core'
import { loadConfig } from '@qt/core/node'
import type { Flags } from '../args/verb.js'
import type { Io } from '../io.js'
import { need } from '../need.js'
import { localPath } from '../resolve.js'
import { overridesFromFlags, trainFlags } from '../train-flags.js'

const picked = [
  'base',
  'tokenizer',
  'data',
  'format',
  'validation',
  'learn',
  'too-long',
  'overlap',
  'sequence-length',
  'packing',
  'seed',
] as const

/** The flags of a training that rows depend on, and the file that they may stand in. */
export const rowFlags: Flags = {
  config: { type: 'text', value: 'FILE', description: 'A training configuration.' },
  ...Object.fromEntries(Object.entries(trainFlags).filter(([name]) => picked.some((one) => one === name))),
}

/** The configuration that flags, a file and the path of the data come to. */
export function rowsConfig(flags: Readonly<Record<string, unknown>>, path: string | undefined): Promise<TrainingConfig> {
  const overrides = overridesFromFlags(path === undefined ? flags : { ...flags, data: path })
  const file = flags.config
  return typeof file === 'string' ? loadConfig(file, overrides) : Promise.resolve(parseConfig(withBase(overrides)))
}

/** Without a model only the tokenizer matters. */
const withBase = (overrides: Record<string, unknown>): Record<string, unknown> =>
  overrides.base === undefined && typeof overrides.tokenizer === 'string'
    ? { ...overrides, base: overrides.tokenizer }
    : overrides

export const noTokenizer = (): QtError =>
  usageError('DATA_TOKENIZER_MISSING', 'There is no tokenizer to count with.', {
    where: { field: 'tokenizer' },
    actions: ['Add --tokenizer FILE or --base MODEL.'],
  })

export async function tokenizerOf(config: TrainingConfig, io: Io): Promise<Tokenizer> {
  const file = config.tokenizer ?? config.base
  if (file === undefined) throw noTokenizer()
  const { Tokenizer } = await need('@qt/tokenizer', () => import('@qt/tokenizer'))
  return Tokenizer.load(await localPath(file, io))
}
