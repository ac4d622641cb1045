import type { Architecture } from '../architectures/architecture.js'
import { architectureNamed } from '../architectures/index.js'
import { metadataNumber, metadataString } from '../gguf/metadata.js'
import type { Gguf } from '../gguf/read.js'
import { buildSpec, type ModelDescription } from './build-spec.js'
import { shortestFloat32 } from './numbers.js'
import { badSetting, refuse } from './refuse.js'
import { ropeScalingOfGguf } from './rope-from-gguf.js'
import { ggufWindows } from './windows.js'

/** A model's description from a GGUF file's metadata. */
export async function specFromGguf(gguf: Gguf): Promise<ModelDescription> {
  const { metadata, name: file } = gguf
  const name = metadataString(metadata, 'general.architecture')
  if (name === undefined) throw badSetting(file, 'general.architecture', 'is missing')
  const type = metadataString(metadata, 'general.type') ?? 'model'
  if (type !== 'model') throw badSetting(file, 'general.type', `is ${type}: this file is not a model`)
  const architecture = architectureNamed(name, file, (key) => metadata.has(`${name}.${key}`))
  const { softcaps } = architecture
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
  const layers = count('block_count')
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
  // Rows of such heads could not be brought into Hugging Face's order.
  if (dimensions !== headDim && architecture.gguf.ropeLayout === 'interleaved')
    throw refuse(file, `${name}.rope.dimension_count`, dimensions, 'rotates a part of each head only')
  const window = optional('attention.sliding_window') ?? 0
  const cap = (key: string, usual: number | null): number | null => {
    const value = optional(key) ?? usual
    return value === null || value === 0 ? null : shortestFloat32(value)
  }
  return buildSpec(architecture, {
    layout: architecture.gguf.ropeLayout,
    // The converter has added it.
    normOffset: 0,
    sizes: {
      vocabularySize: gguf.tensors.get('token_embd.weight')?.shape[0] ?? count('vocab_size'),
      contextLength: count('context_length'),
      layers,
      dModel,
      heads,
      kvHeads,
      headDim,
      ffn: count('feed_forward_length'),
    },
    epsilon: shortestFloat32(number('attention.layer_norm_rms_epsilon')),
    theta: shortestFloat32(number('rope.freq_base', 10000)),
    localTheta:
      architecture.localTheta === undefined ? undefined : shortestFloat32(number('rope.freq_base_swa', architecture.localTheta)),
    scaling: await ropeScalingOfGguf(gguf, name, dimensions),
    dimensions,
    rotated:
      architecture.noRopeEvery === undefined
        ? undefined
        : Array.from({ length: layers }, (_, layer) => (layer + 1) % architecture.noRopeEvery! !== 0),
    windows: ggufWindows(architecture.windows, layers, window > 0 ? window : null),
    scale: ggufScale(architecture, layers, dModel / heads, headDim),
    softcaps: softcaps
      ? { attention: cap('attn_logit_softcapping', softcaps.attention), logits: cap('final_logit_softcapping', softcaps.logits) }
      : { attention: null, logits: null },
    activation: architecture.activation,
    tiedEmbeddings: !gguf.tensors.has('output.weight'),
  })
}

/** How llama.cpp scales scores: it has no key for it. */
export const ggufScale = (architecture: Architecture, layers: number, share: number, headDim: number): number =>
  1 / Math.sqrt(layers === architecture.gguf.scaleOfModelAt ? share : headDim)
