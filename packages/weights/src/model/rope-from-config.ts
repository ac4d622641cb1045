import type { Architecture } from '../architectures/architecture.js'
import type { Config, ConfigReader } from './read-config.js'
import { badSetting, refuse } from './refuse.js'
import { longropeAttentionFactor, type RopeScaling, yarnAttentionFactor } from './rope.js'

export interface ConfigRope {
  readonly theta: number
  readonly scaling: RopeScaling
  /** Of the layers with a window, where they have a rope of their own. */
  readonly localTheta: number | undefined
  /** The part of each head that is rotated. */
  readonly part: number
}

/**
 * transformers 4 has `rope_theta` and `rope_scaling`, 5 has both in `rope_parameters`, by kind of layer where there are two. Where a config
 * has both, transformers 5 takes `rope_scaling`.
 */
export function ropeFromConfig(config: Config, architecture: Architecture, read: ConfigReader): ConfigRope {
  const { file } = read
  const key = config.rope_scaling || !config.rope_parameters ? 'rope_scaling' : 'rope_parameters'
  const whole = settingsOf(config[key], file, key)
  const main = whole && 'full_attention' in whole ? settingsOf(whole.full_attention, file, `${key}.full_attention`) : whole
  const local = whole && settingsOf(whole.sliding_attention, file, `${key}.sliding_attention`)
  const theta = positive(main ?? {}, 'rope_theta', file, key, read.positive('rope_theta', 10000))
  const part = main?.partial_rotary_factor ?? read.value('partial_rotary_factor') ?? 1
  if (typeof part !== 'number' || !(part > 0 && part <= 1))
    throw badSetting(file, 'partial_rotary_factor', 'is not a part of one')
  return {
    theta,
    scaling: main === undefined ? { kind: 'none' } : scalingOf(main, config, read, key),
    localTheta: architecture.localTheta === undefined ? undefined : localThetaOf(local, read, key),
    part,
  }
}

function localThetaOf(local: Config | undefined, read: ConfigReader, key: string): number {
  if (local === undefined) return read.positive('rope_local_base_freq')
  const kind = local.rope_type ?? 'default'
  if (kind !== 'default') throw refuse(read.file, `${key}.sliding_attention.rope_type`, kind)
  return positive(local, 'rope_theta', read.file, `${key}.sliding_attention`, read.positive('rope_local_base_freq'))
}

function settingsOf(value: unknown, file: string, key: string): Config | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'object') throw badSetting(file, key, 'is not an object')
  return { ...value }
}

function positive(settings: Config, name: string, file: string, key: string, otherwise?: number): number {
  const found = settings[name] ?? otherwise
  if (typeof found !== 'number' || !(found > 0)) throw badSetting(file, `${key}.${name}`, 'is not a positive number')
  return found
}

function scalingOf(settings: Config, config: Config, read: ConfigReader, key: string): RopeScaling {
  const { file } = read
  const number = (name: string, otherwise?: number): number => positive(settings, name, file, key, otherwise)
  const context = read.positive('max_position_embeddings')
  const original = (): number =>
    number('original_max_position_embeddings', Number(config.original_max_position_embeddings ?? context))
  const kind = settings.rope_type ?? settings.type ?? 'default'
  switch (kind) {
    case 'default':
      return { kind: 'none' }
    case 'linear':
      return { kind: 'linear', factor: number('factor') }
    case 'llama3':
      return {
        kind: 'llama3',
        factor: number('factor'),
        lowFrequencyFactor: number('low_freq_factor'),
        highFrequencyFactor: number('high_freq_factor'),
        originalContext: number('original_max_position_embeddings'),
      }
    case 'yarn': {
      for (const name of ['mscale', 'mscale_all_dim'])
        if (settings[name] !== undefined && settings[name] !== null) throw refuse(file, `${key}.${name}`, settings[name])
      const factor = number('factor', context / original())
      return {
        kind: 'yarn',
        factor,
        originalContext: original(),
        betaFast: number('beta_fast', 32),
        betaSlow: number('beta_slow', 1),
        attentionFactor: number('attention_factor', yarnAttentionFactor(factor)),
        truncate: settings.truncate !== false,
      }
    }
    case 'su':
    case 'longrope': {
      const factor = number('factor', context / original())
      return {
        kind: 'longrope',
        short: factors(settings.short_factor, file, `${key}.short_factor`),
        long: factors(settings.long_factor, file, `${key}.long_factor`),
        originalContext: original(),
        attentionFactor: number('attention_factor', longropeAttentionFactor(factor, original())),
      }
    }
    default:
      throw refuse(file, `${key}.rope_type`, kind)
  }
}

function factors(value: unknown, file: string, key: string): number[] {
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'number' && item > 0))
    throw badSetting(file, key, 'is not a list of positive numbers')
  return value
}
