import { type ModelSpec, modelSpecSchema } from '@qt/core'
import type { Architecture } from '../architectures/architecture.js'
import { architectureOfClass } from '../architectures/index.js'
import { badSetting, refuse } from './refuse.js'
import { type RopeScaling, ropeFrequencies } from './rope.js'

export type Config = Readonly<Record<string, unknown>>

/** What config.json says, once more than ModelSpec keeps: writers of other formats need it. */
export interface ModelDescription {
  readonly architecture: Architecture
  readonly spec: ModelSpec
  readonly ropeTheta: number
  readonly ropeScaling: RopeScaling
}

/** A model's description from a Hugging Face config.json. */
export function specFromConfig(config: Config, file = 'config.json'): ModelDescription {
  const { architectures } = config
  if (!Array.isArray(architectures) || typeof architectures[0] !== 'string')
    throw badSetting(file, 'architectures', 'is missing, so this is not a folder of a model')
  const architecture = architectureOfClass(architectures[0], file)
  const { huggingFace, fixed } = architecture
  for (const [key, values] of Object.entries(huggingFace.accepted)) {
    const value = config[key]
    if (value !== undefined && value !== null && !values.includes(value)) throw refuse(file, key, value)
  }
  const positive = (key: string, fallback?: number): number => {
    const value = config[key] ?? huggingFace.defaults[key] ?? fallback
    if (typeof value !== 'number' || !(value > 0) || !Number.isFinite(value))
      throw badSetting(file, key, value === undefined ? 'is missing' : 'is not a positive number')
    return value
  }
  const count = (key: string, fallback?: number): number => {
    const value = positive(key, fallback)
    if (!Number.isSafeInteger(value)) throw badSetting(file, key, 'is not a whole number')
    return value
  }
  const dModel = count('hidden_size')
  const heads = count('num_attention_heads')
  const headDim = count('head_dim', dModel / heads)
  const activationName = config.hidden_act ?? huggingFace.defaults.hidden_act
  const activation = typeof activationName === 'string' ? architecture.activations[activationName] : undefined
  if (activation === undefined) throw refuse(file, 'hidden_act', activationName)
  const { theta, scaling } = ropeOf(config, file, positive('rope_theta', 10000))
  if (headDim % 2 !== 0) throw badSetting(file, 'head_dim', 'is odd, so that its halves cannot be rotated')
  const kvHeads = count('num_key_value_heads', heads)
  if (heads % kvHeads !== 0) throw badSetting(file, 'num_key_value_heads', `is ${kvHeads}, which does not divide ${heads} heads`)
  const spec = modelSpecSchema.parse({
    architecture: architecture.name,
    vocabularySize: count('vocab_size'),
    contextLength: count('max_position_embeddings'),
    layers: count('num_hidden_layers'),
    dModel,
    heads,
    kvHeads,
    headDim,
    ffn: count('intermediate_size'),
    norm: { kind: 'rms', epsilon: positive('rms_norm_eps'), offset: fixed.normOffset, post: fixed.postNorms },
    rope: { layout: 'halves', dimensions: headDim, frequencies: ropeFrequencies(theta, headDim, scaling) },
    attention: { scale: 1 / Math.sqrt(headDim), qkNorm: fixed.qkNorm, bias: fixed.attentionBias },
    activation,
    embeddingScale: fixed.embeddingScale === 'one' ? 1 : Math.sqrt(dModel),
    tiedEmbeddings: (config.tie_word_embeddings ?? huggingFace.defaults.tie_word_embeddings) === true,
  })
  return { architecture, spec, ropeTheta: theta, ropeScaling: scaling }
}

/** transformers 4 has `rope_theta` and `rope_scaling`, 5 has both in `rope_parameters`. */
function ropeOf(config: Config, file: string, fallback: number): { theta: number; scaling: RopeScaling } {
  const key = config.rope_parameters ? 'rope_parameters' : 'rope_scaling'
  const value = config[key]
  if (value === undefined || value === null) return { theta: fallback, scaling: { kind: 'none' } }
  if (typeof value !== 'object') throw badSetting(file, key, 'is not an object')
  const settings: Config = { ...value }
  const number = (name: string, otherwise?: number): number => {
    const found = settings[name] ?? otherwise
    if (typeof found !== 'number' || !(found > 0)) throw badSetting(file, `${key}.${name}`, 'is not a positive number')
    return found
  }
  const theta = number('rope_theta', fallback)
  const kind = settings.rope_type ?? settings.type ?? 'default'
  switch (kind) {
    case 'default':
      return { theta, scaling: { kind: 'none' } }
    case 'linear':
      return { theta, scaling: { kind: 'linear', factor: number('factor') } }
    case 'llama3':
      return {
        theta,
        scaling: {
          kind: 'llama3',
          factor: number('factor'),
          lowFrequencyFactor: number('low_freq_factor'),
          highFrequencyFactor: number('high_freq_factor'),
          originalContext: number('original_max_position_embeddings'),
        },
      }
    default:
      throw refuse(file, `${key}.rope_type`, kind)
  }
}
