import { usageError } from '@qt/core'
import type { FloatType } from '../blocks/encode.js'
import type { MetadataValue } from '../gguf/metadata.js'
import type { ModelDescription } from '../model/build-spec.js'
import { yarnAttentionFactor } from '../model/rope.js'
import { ggufScale } from '../model/spec-from-gguf.js'
import { ggufWindows } from '../model/windows.js'

/** llama.cpp's numbers for `general.file_type`. */
export const fileTypes: Readonly<Record<FloatType, number>> = { F32: 0, F16: 1, BF16: 32 }

export const text = (value: string): MetadataValue => ({ type: 'STRING', value })
export const u32 = (value: number): MetadataValue => ({ type: 'UINT32', value })
export const f32 = (value: number): MetadataValue => ({ type: 'FLOAT32', value: Math.fround(value) })

/** The metadata that llama.cpp's converter writes for a model, without its vocabulary. */
export function metadataFromSpec(description: ModelDescription, name: string, type: FloatType): Map<string, MetadataValue> {
  requireExpressible(description)
  const { architecture, spec, ropeTheta, localTheta } = description
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
  const window = spec.attention.windows?.find((size) => size !== null)
  if (window != null) metadata.set(key('attention.sliding_window'), u32(window))
  if (localTheta !== undefined) metadata.set(key('rope.freq_base_swa'), f32(localTheta))
  if (spec.attention.softcap !== null) metadata.set(key('attn_logit_softcapping'), f32(spec.attention.softcap))
  if (spec.logitSoftcap !== null) metadata.set(key('final_logit_softcapping'), f32(spec.logitSoftcap))
  metadata.set('general.file_type', u32(fileTypes[type]))
  metadata.set(key('vocab_size'), u32(spec.vocabularySize))
  metadata.set(key('rope.dimension_count'), u32(spec.rope.dimensions))
  for (const [rest, value] of ropeMetadata(description)) metadata.set(key(`rope.scaling.${rest}`), value)
  metadata.set('general.quantization_version', u32(2))
  return metadata
}

function ropeMetadata({ ropeScaling }: ModelDescription): [string, MetadataValue][] {
  switch (ropeScaling.kind) {
    case 'linear':
      return [
        ['type', text('linear')],
        ['factor', f32(ropeScaling.factor)],
      ]
    case 'yarn': {
      const { factor, originalContext, attentionFactor, betaFast, betaSlow } = ropeScaling
      const beyond = attentionFactor / yarnAttentionFactor(factor)
      return [
        ['type', text('yarn')],
        ['factor', f32(factor)],
        ['original_context_length', u32(originalContext)],
        ...(Math.abs(beyond - 1) > 1e-9 ? [['attn_factor', f32(beyond)] satisfies [string, MetadataValue]] : []),
        ...(betaFast === 32 ? [] : [['yarn_beta_fast', f32(betaFast)] satisfies [string, MetadataValue]]),
        ...(betaSlow === 1 ? [] : [['yarn_beta_slow', f32(betaSlow)] satisfies [string, MetadataValue]]),
      ]
    }
    case 'longrope':
      return [
        ['type', text('longrope')],
        ['original_context_length', u32(ropeScaling.originalContext)],
        ['attn_factor', f32(ropeScaling.attentionFactor)],
      ]
    default:
      return []
  }
}

const noPlace = (what: string, { architecture }: ModelDescription) =>
  usageError('MODEL_UNSUPPORTED', `GGUF has no place for ${what} of a ${architecture.name} model.`, {
    actions: ['Keep this model as a Hugging Face folder.'],
  })

/** Refuses an output that is not the embedding where llama.cpp opens no file with one, whatever the model came from. */
export function requireOutput(description: ModelDescription): void {
  if (description.architecture.gguf.alwaysTied && !description.spec.tiedEmbeddings)
    throw noPlace('an output that is not the embedding', description)
}

/** Some of what a config can say follows in llama.cpp from the architecture alone; a model that differs there is refused. */
function requireExpressible(description: ModelDescription): void {
  const { architecture, spec, ropeScaling } = description
  const refuse = (what: string) => noPlace(what, description)
  if (!architecture.gguf.scalings.includes(ropeScaling.kind) || (ropeScaling.kind === 'yarn' && !ropeScaling.truncate))
    throw refuse(`the rope scaling ${ropeScaling.kind}`)
  const { windows, scale } = spec.attention
  const window = windows?.find((size) => size !== null) ?? null
  const expected = ggufWindows(architecture.windows, spec.layers, window)
  if (JSON.stringify(expected) !== JSON.stringify(windows)) throw refuse('the pattern of windows (layer_types)')
  const usual = ggufScale(architecture, spec.layers, spec.dModel / spec.heads, spec.headDim)
  if (Math.abs(scale / usual - 1) > 1e-6) throw refuse('the scale of attention (query_pre_attn_scalar)')
  const every = architecture.noRopeEvery
  if (every !== undefined && spec.rope.ofLayer?.some((rope, layer) => (rope === null) !== ((layer + 1) % every === 0)))
    throw refuse('the pattern of layers without rope (no_rope_layers)')
}
