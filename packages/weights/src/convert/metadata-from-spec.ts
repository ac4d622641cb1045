import type { FloatType } from '../blocks/encode.js'
import type { MetadataValue } from '../gguf/metadata.js'
import type { ModelDescription } from '../model/spec-from-config.js'

/** llama.cpp's numbers for `general.file_type`. */
export const fileTypes: Readonly<Record<FloatType, number>> = { F32: 0, F16: 1, BF16: 32 }

export const text = (value: string): MetadataValue => ({ type: 'STRING', value })
export const u32 = (value: number): MetadataValue => ({ type: 'UINT32', value })
export const f32 = (value: number): MetadataValue => ({ type: 'FLOAT32', value: Math.fround(value) })

/** The metadata that llama.cpp's converter writes for a model, without its vocabulary. */
export function metadataFromSpec(description: ModelDescription, name: string, type: FloatType): Map<string, MetadataValue> {
  const { architecture, spec, ropeTheta, ropeScaling } = description
  const key = (rest: string) => `${architecture.name}.${rest}`
  const metadata = new Map<string, MetadataValue>([
    ['general.architecture', text(architecture.name)],
    ['general.type', text('model')],
    ['general.name', text(name)],
    [key('block_count'), u32(spec.layers)],
    [key('context_length'), u32(spec.contextLength)],
    [key('embedding_length'), u32(spec.dModel)],
    [key('feed_forward_length'), u32(spec.ffn)],
    [key('attention.head_count'), u32(spec.heads)],
    [key('attention.head_count_kv'), u32(spec.kvHeads)],
    [key('rope.freq_base'), f32(ropeTheta)],
    [key('attention.layer_norm_rms_epsilon'), f32(spec.norm.epsilon)],
  ])
  if (spec.headDim * spec.heads !== spec.dModel) {
    metadata.set(key('attention.key_length'), u32(spec.headDim))
    metadata.set(key('attention.value_length'), u32(spec.headDim))
  }
  metadata.set('general.file_type', u32(fileTypes[type]))
  metadata.set(key('vocab_size'), u32(spec.vocabularySize))
  metadata.set(key('rope.dimension_count'), u32(spec.rope.dimensions))
  if (ropeScaling.kind === 'linear') {
    metadata.set(key('rope.scaling.type'), text('linear'))
    metadata.set(key('rope.scaling.factor'), f32(ropeScaling.factor))
  }
  metadata.set('general.quantization_version', u32(2))
  return metadata
}
