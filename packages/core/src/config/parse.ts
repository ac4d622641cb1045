import type { z } from 'zod'
import { usageError } from '../errors.js'
import { explainIssue } from './explain-issue.js'
import { applyAliases, camelKeys } from './normalise.js'
import { adapterDefaults, type TrainingConfig, trainingConfigSchema } from './schema.js'

export interface ParseConfigOptions {
  /** Named in errors. */
  readonly file?: string
  /** Flags: same shape as the file, they win. */
  readonly overrides?: unknown
}

/**
 * A training configuration from plain data, in either shape and spelling, with every default filled in.
 *
 * @example
 * ```ts
 * const config = parseConfig({ base: 'model.gguf', data: { path: 'rows.jsonl' }, training: { batch_size: 2 } })
 * config.training.batchSize // 2
 * config.training.learningRate // 0.0002
 * ```
 */
export function parseConfig(input: unknown, options: ParseConfigOptions = {}): TrainingConfig {
  const { file } = options
  if (!isRecord(input ?? {}))
    throw usageError('CONFIG_INVALID', 'A configuration must be a mapping of keys to values.', {
      ...(file ? { where: { file } } : {}),
      actions: ['Write lines such as: base: model.gguf'],
    })
  const merged = merge(applyAliases(camelKeys(input ?? {}, '', file)), applyAliases(camelKeys(options.overrides ?? {})))
  const parsed = trainingConfigSchema.safeParse(merged)
  if (!parsed.success) throw configError(parsed.error.issues[0]!, file)
  return crossCheck(parsed.data, file)
}

/** Keys that say the same thing in two ways: whoever gives one anew gives up the other. */
const alternatives: Readonly<Record<string, string>> = { steps: 'epochs', epochs: 'steps' }

function merge(below: unknown, above: unknown): unknown {
  if (!isRecord(below) || !isRecord(above)) return above === undefined ? below : above
  const out: Record<string, unknown> = { ...below }
  for (const key of Object.keys(above)) {
    const other = alternatives[key]
    if (other !== undefined && above[key] !== undefined && above[other] === undefined) delete out[other]
  }
  for (const [key, value] of Object.entries(above)) out[key] = merge(out[key], value)
  return out
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function configError(issue: z.core.$ZodIssue, file: string | undefined) {
  const { path, kind, message, action } = explainIssue(issue, trainingConfigSchema)
  return usageError(kind === 'unknown-key' ? 'CONFIG_UNKNOWN_KEY' : 'CONFIG_INVALID', message, {
    where: { ...(file ? { file } : {}), field: path.join('.') },
    actions: [action],
  })
}

/** What no single field can say: either a base or an architecture, and what goes with each. */
function crossCheck(config: TrainingConfig, file: string | undefined): TrainingConfig {
  const fail = (field: string, message: string, action: string) => {
    throw usageError('CONFIG_INVALID', message, { where: { ...(file ? { file } : {}), field }, actions: [action] })
  }
  if (config.base === undefined && config.architecture === undefined)
    fail(
      'base',
      'Neither "base" nor "architecture" is given.',
      'Name the model to start from as "base", or describe a new one as "architecture".',
    )
  if (config.base !== undefined && config.architecture !== undefined)
    fail(
      'architecture',
      'Both "base" and "architecture" are given.',
      'Keep "base" to fine-tune a model, "architecture" to start from nothing.',
    )
  if (config.architecture !== undefined && config.adapter !== undefined)
    fail(
      'adapter',
      'A new model has nothing for an adapter to sit on.',
      'Remove "adapter": a model from scratch is trained whole.',
    )
  if (config.training.steps !== undefined && config.training.epochs !== undefined)
    fail('training.epochs', 'Both "steps" and "epochs" are given.', 'Keep one of them.')
  // With `init` the folder decides; what is written beside it stays apart from defaults, so that a contradiction can be told.
  return config.adapter && config.adapter.init === undefined
    ? { ...config, adapter: { ...adapterDefaults, ...config.adapter } }
    : config
}
