import { modelSpecSchema } from '@qt/core'
import { architectureNamed } from '../architectures/index.js'
import { metadataNumber, metadataString } from '../gguf/metadata.js'
import type { Gguf } from '../gguf/read.js'
import { shortestFloat32 } from './numbers.js'
import { badSetting, refuse } from './refuse.js'
import { type RopeScaling, ropeFrequencies } from './rope.js'
import type { ModelDescription } from './spec-from-config.js'

/** A model's description from a GGUF file's metadata. */
export async function specFromGguf(gguf: Gguf): Promise<ModelDescription> {
  const { metadata, name: file } = gguf
  const name = metadataString(metadata, 'general.architecture')
  if (name === undefined) throw badSetting(file, 'general.architecture', 'is missing')
  const type = metadataString(metadata, 'general.type') ?? 'model'
  if (type !== 'model') throw badSetting(file, 'general.type', `is ${type}: this file is not a model`)
  const architecture = architectureNamed(name, file)
  for (const [key, values] of Object.entries(architecture.gguf.accepted)) {
    const value = metadata.get(`${name}.${key}`)?.value
    if (value !== undefined && !values.includes(typeof value === 'bigint' ? Number(value) : value))
      throw refuse(file, `${name}.${key}`, typeof value === 'bigint' ? Number(value) : value)
  }
  const optional = (key: string): number | undefined => metadataNumber(metadata, `${name}.${key}`)
  const number = (key: string, fallback?: number): number => {
    const value = optional(key) ?? fallback
    if (value === undefined || !(value > 0) || !Number.isFinite(value))
      throw badSetting(file, `${name}.${key}`, value === undefined ? 'is missing or not a number' : 'is not positive')
    return value
  }
  const count = (key: string, fallback?: number): number => {
    const value = number(key, fallback)
    if (!Number.isSafeInteger(value)) throw badSetting(file, `${name}.${key}`, 'is not a whole number')
    return value
  }
  const dModel = count('embedding_length')
  const heads = count('attention.head_count')
  const kvHeads = count('attention.head_count_kv', heads)
  if (heads % kvHeads !== 0)
    throw badSetting(file, `${name}.attention.head_count_kv`, `is ${kvHeads}, which does not divide ${heads}`)
  const headDim = count('attention.key_length', dModel / heads)
  const valueDim = count('attention.value_length', headDim)
  if (valueDim !== headDim) throw refuse(file, `${name}.attention.value_length`, valueDim, 'differs from the key length')
  const dimensions = count('rope.dimension_count', headDim)
  if (dimensions > headDim || dimensions % 2 !== 0) throw badSetting(file, `${name}.rope.dimension_count`, `is ${dimensions}`)
  // Its rows could not be brought into Hugging Face's order, nor its config say so.
  if (dimensions !== headDim) throw refuse(file, `${name}.rope.dimension_count`, dimensions, 'rotates a part of each head only')
  const embedding = gguf.tensors.get('token_embd.weight')
  const theta = shortestFloat32(number('rope.freq_base', 10000))
  const scaling = await ropeScaling(gguf, name, dimensions)
  const spec = modelSpecSchema.parse({
    architecture: name,
    vocabularySize: embedding?.shape[0] ?? count('vocab_size'),
    contextLength: count('context_length'),
    layers: count('block_count'),
    dModel,
    heads,
    kvHeads,
    headDim,
    ffn: count('feed_forward_length'),
    norm: {
      kind: 'rms',
      epsilon: shortestFloat32(number('attention.layer_norm_rms_epsilon')),
      offset: architecture.fixed.normOffset,
      post: architecture.fixed.postNorms,
    },
    rope: {
      layout: architecture.gguf.ropeLayout,
      dimensions,
      frequencies: ropeFrequencies(theta, dimensions, scaling),
    },
    attention: { scale: 1 / Math.sqrt(headDim), qkNorm: architecture.fixed.qkNorm, bias: architecture.fixed.attentionBias },
    activation: architecture.activation,
    embeddingScale: architecture.fixed.embeddingScale === 'one' ? 1 : Math.sqrt(dModel),
    tiedEmbeddings: !gguf.tensors.has('output.weight'),
  })
  return { architecture, spec, ropeTheta: theta, ropeScaling: scaling }
}

async function ropeScaling(gguf: Gguf, name: string, dimensions: number): Promise<RopeScaling> {
  const { metadata, name: file } = gguf
  const freqs = gguf.tensors.get('rope_freqs.weight')
  const key = `${name}.rope.scaling.type`
  const kind = metadataString(metadata, key) ?? (metadata.has(`${name}.rope.scale_linear`) ? 'linear' : 'none')
  const factor =
    metadataNumber(metadata, `${name}.rope.scaling.factor`) ?? metadataNumber(metadata, `${name}.rope.scale_linear`) ?? 1
  if (kind !== 'none' && kind !== 'linear') throw refuse(file, key, kind)
  if (!(factor > 0)) throw badSetting(file, `${name}.rope.scaling.factor`, `is ${factor}`)
  const linear: RopeScaling = kind === 'linear' && factor !== 1 ? { kind: 'linear', factor } : { kind: 'none' }
  if (freqs === undefined) return linear
  if (linear.kind !== 'none') throw refuse(file, key, kind, 'comes together with rope_freqs.weight')
  if (freqs.type !== 'F32' || freqs.shape.length !== 1 || freqs.shape[0] !== dimensions / 2)
    throw badSetting(file, 'rope_freqs.weight', `is not ${dimensions / 2} float32 numbers`)
  const divisors = [...new Float32Array((await gguf.read('rope_freqs.weight')).buffer)]
  if (divisors.some((divisor) => !(divisor > 0)))
    throw badSetting(file, 'rope_freqs.weight', 'holds a number that is not positive')
  return { kind: 'divisors', divisors }
}
