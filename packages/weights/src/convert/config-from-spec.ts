import { QtError } from '@qt/core'
import type { FloatType } from '../blocks/encode.js'
import type { ModelDescription } from '../model/build-spec.js'
import { type RopeScaling, ropeDivisors } from '../model/rope.js'

export const torchTypes: Readonly<Record<FloatType, string>> = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' }

export interface SpecialIds {
  readonly bos?: number | undefined
  readonly eos?: number | undefined
  readonly pad?: number | undefined
}

/** config.json of a model, for transformers 4 and 5. */
export function configFromSpec(description: ModelDescription, type: FloatType, ids: SpecialIds): Record<string, unknown> {
  const { architecture, spec, ropeTheta, ropeScaling } = description
  const [activation] = Object.entries(architecture.activations).find(([, kind]) => kind === spec.activation)!
  return {
    architectures: [architecture.huggingFace.classes[0]],
    model_type: architecture.huggingFace.modelType,
    ...('attention_bias' in architecture.huggingFace.accepted ? { attention_bias: false } : {}),
    attention_dropout: 0,
    mlp_bias: false,
    vocab_size: spec.vocabularySize,
    hidden_size: spec.dModel,
    intermediate_size: spec.ffn,
    num_hidden_layers: spec.layers,
    num_attention_heads: spec.heads,
    num_key_value_heads: spec.kvHeads,
    head_dim: spec.headDim,
    [architecture.huggingFace.activationKey]: activation,
    max_position_embeddings: spec.contextLength,
    rms_norm_eps: spec.norm.epsilon,
    rope_theta: ropeTheta,
    rope_scaling: scalingConfig(description, ropeScaling),
    ...particular(description),
    tie_word_embeddings: spec.tiedEmbeddings,
    bos_token_id: ids.bos ?? null,
    eos_token_id: ids.eos ?? null,
    ...(ids.pad === undefined ? {} : { pad_token_id: ids.pad }),
    torch_dtype: torchTypes[type],
    use_cache: true,
  }
}

/** What only some architectures have in their config. */
function particular({ architecture, spec, ropeScaling, localTheta }: ModelDescription): Record<string, unknown> {
  const { windows, scale, softcap } = spec.attention
  const rule = architecture.windows
  const window = windows?.find((size) => size !== null) ?? null
  const layerTypes = { layer_types: windows?.map((size) => (size === null ? 'full_attention' : 'sliding_attention')) }
  const { rope } = spec
  return {
    ...(rule === 'none' ? {} : { sliding_window: window }),
    ...(rule === 'late' ? { use_sliding_window: window !== null, max_window_layers: spec.layers } : {}),
    ...(windows !== undefined && rule !== 'all' ? layerTypes : {}),
    ...(localTheta === undefined ? {} : { rope_local_base_freq: localTheta }),
    ...(architecture.queryScalar === undefined ? {} : { query_pre_attn_scalar: Math.round(1 / scale ** 2) }),
    ...(architecture.softcaps ? { attn_logit_softcapping: softcap, final_logit_softcapping: spec.logitSoftcap } : {}),
    ...(architecture.noRopeEvery === undefined
      ? {}
      : { no_rope_layers: Array.from({ length: spec.layers }, (_, layer) => (rope.ofLayer?.[layer] === null ? 0 : 1)) }),
    ...(rope.dimensions === spec.headDim ? {} : { partial_rotary_factor: rope.dimensions / spec.headDim }),
    ...(ropeScaling.kind === 'longrope' ? { original_max_position_embeddings: ropeScaling.originalContext } : {}),
  }
}

function scalingConfig(description: ModelDescription, scaling: RopeScaling): Record<string, unknown> | null {
  switch (scaling.kind) {
    case 'none':
      return null
    case 'linear':
      return { rope_type: 'linear', factor: scaling.factor }
    case 'llama3':
      return {
        rope_type: 'llama3',
        factor: scaling.factor,
        low_freq_factor: scaling.lowFrequencyFactor,
        high_freq_factor: scaling.highFrequencyFactor,
        original_max_position_embeddings: scaling.originalContext,
      }
    case 'yarn':
      return {
        rope_type: 'yarn',
        factor: scaling.factor,
        original_max_position_embeddings: scaling.originalContext,
        attention_factor: scaling.attentionFactor,
        beta_fast: scaling.betaFast,
        beta_slow: scaling.betaSlow,
        ...(scaling.truncate ? {} : { truncate: false }),
      }
    case 'longrope':
      return {
        rope_type: 'longrope',
        short_factor: scaling.short,
        long_factor: scaling.long,
        attention_factor: scaling.attentionFactor,
      }
    case 'divisors':
      return scalingConfig(description, llama3Of(description, scaling.divisors))
  }
}

/** Llama 3.1 and 3.2 have 8192. */
const contexts = [8192, ...Array.from({ length: 18 }, (_, power) => 16 * 2 ** power)]

/** The llama3 settings that give a GGUF's rope_freqs; every published model has the factors 1 and 4. */
function llama3Of({ spec, ropeTheta }: ModelDescription, divisors: readonly number[]): RopeScaling {
  if (divisors.every((divisor) => divisor === 1)) return { kind: 'none' }
  const factor = Math.round(Math.max(...divisors) * 1000) / 1000
  for (const originalContext of contexts) {
    const candidate = { kind: 'llama3', factor, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContext } as const
    const expected = ropeDivisors(ropeTheta, spec.rope.dimensions, candidate)
    if (expected.every((value, pair) => Math.abs(value - divisors[pair]!) <= 1e-4 * value)) return candidate
  }
  throw new QtError({
    code: 'MODEL_UNSUPPORTED',
    message: "The file's rope_freqs.weight follows no rope scaling that config.json can name.",
    actions: ['Keep this model as GGUF.'],
  })
}
