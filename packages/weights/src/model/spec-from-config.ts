import type { Architecture } from '../architectures/architecture.js'
import { architectureOfClass } from '../architectures/index.js'
import { buildSpec, type ModelDescription } from './build-spec.js'
import { isNf4 } from './nf4.js'
import { type Config, type ConfigReader, configReader } from './read-config.js'
import { badSetting, refuse } from './refuse.js'
import { ropeFromConfig } from './rope-from-config.js'
import { layerWindows } from './windows.js'

/** A model's description from a Hugging Face config.json. */
export function specFromConfig(config: Config, file = 'config.json'): ModelDescription {
  const { architectures } = config
  if (!Array.isArray(architectures) || typeof architectures[0] !== 'string')
    throw badSetting(file, 'architectures', 'is missing, so this is not a folder of a model')
  const architecture = architectureOfClass(architectures[0], file)
  const { huggingFace, fixed, softcaps } = architecture
  for (const [key, values] of Object.entries(huggingFace.accepted)) {
    const value = config[key]
    if (key === 'quantization_config' && isNf4(value)) continue
    const items: readonly unknown[] = Array.isArray(value) ? value : [value]
    if (value !== undefined && value !== null && !items.every((item) => values.includes(item))) throw refuse(file, key, value)
  }
  const read = configReader(config, architecture, file)
  const { positive, count } = read
  const dModel = count('hidden_size')
  const heads = count('num_attention_heads')
  const kvHeads = count('num_key_value_heads', heads)
  if (heads % kvHeads !== 0) throw badSetting(file, 'num_key_value_heads', `is ${kvHeads}, which does not divide ${heads} heads`)
  const headDim = count('head_dim', dModel / heads)
  const layers = count('num_hidden_layers')
  const activationName = read.value(huggingFace.activationKey)
  const activation = typeof activationName === 'string' ? architecture.activations[activationName] : undefined
  if (activation === undefined) throw refuse(file, huggingFace.activationKey, activationName)
  const { theta, scaling, localTheta, part } = ropeFromConfig(config, architecture, read)
  const dimensions = Math.floor(headDim * part)
  if (dimensions % 2 !== 0) throw badSetting(file, 'head_dim', `has ${dimensions} rotated dimensions, which is odd`)
  const scalar = architecture.queryScalar === undefined ? headDim : positive('query_pre_attn_scalar', architecture.queryScalar)
  const capOf = (key: string, usual: number | null) => (key in config ? read.optional(key) : usual)
  return buildSpec(architecture, {
    layout: 'halves',
    normOffset: fixed.normOffset,
    sizes: {
      vocabularySize: count('vocab_size'),
      contextLength: count('max_position_embeddings'),
      layers,
      dModel,
      heads,
      kvHeads,
      headDim,
      ffn: count('intermediate_size'),
    },
    epsilon: positive('rms_norm_eps'),
    theta,
    localTheta,
    scaling,
    dimensions,
    rotated: rotatedLayers(config, architecture, read, layers),
    windows: windowsOf(config, architecture, read, layers),
    scale: 1 / Math.sqrt(scalar),
    softcaps: softcaps
      ? {
          attention: capOf('attn_logit_softcapping', softcaps.attention),
          logits: capOf('final_logit_softcapping', softcaps.logits),
        }
      : { attention: null, logits: null },
    activation,
    tiedEmbeddings: read.value('tie_word_embeddings') === true,
  })
}

/** The window of each layer: by `layer_types` where the config lists them, else by the architecture's rule. */
function windowsOf(config: Config, architecture: Architecture, read: ConfigReader, layers: number) {
  const { windows: rule } = architecture
  if (rule === 'none') return undefined
  const window = read.optional('sliding_window')
  const used = rule === 'late' && read.value('use_sliding_window') !== true ? null : window
  const types = config.layer_types
  if (types === undefined || types === null) {
    const pattern = config.sliding_window_pattern ?? config._sliding_window_pattern
    return layerWindows(rule, layers, used, {
      fullEvery: typeof pattern === 'number' ? pattern : undefined,
      from: rule === 'late' ? Number(read.value('max_window_layers')) : 0,
    })
  }
  if (!Array.isArray(types) || types.length !== layers) throw badSetting(read.file, 'layer_types', `is not a list of ${layers}`)
  const windows = types.map((type: unknown) => {
    if (type === 'full_attention') return null
    if (type !== 'sliding_attention') throw refuse(read.file, 'layer_types', type)
    if (used === null) throw badSetting(read.file, 'layer_types', 'asks for windows, and sliding_window is not set')
    return used
  })
  return windows.some((size) => size !== null) ? windows : undefined
}

/** Which layers rotate: `no_rope_layers` has 1 for those that do. */
function rotatedLayers(config: Config, { noRopeEvery }: Architecture, read: ConfigReader, layers: number): boolean[] | undefined {
  if (noRopeEvery === undefined) return undefined
  const list = config.no_rope_layers
  if (list === undefined || list === null) {
    const every = read.count('no_rope_layer_interval', noRopeEvery)
    return Array.from({ length: layers }, (_, layer) => (layer + 1) % every !== 0)
  }
  if (!Array.isArray(list) || list.length !== layers) throw badSetting(read.file, 'no_rope_layers', `is not a list of ${layers}`)
  return list.map((rotates: unknown) => rotates === 1 || rotates === true)
}
