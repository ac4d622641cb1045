import type { Architecture } from './architecture.js'
import { commonConfig, commonMetadata, geluTanh, inverseFrequencies, without } from './common.js'
import { fourNormBlock, outerTensors } from './tensors.js'

/** Gemma 2: soft caps, a window in every other layer, norms before and after both halves of a block. */
export const gemma2: Architecture = {
  name: 'gemma2',
  huggingFace: {
    classes: ['Gemma2ForCausalLM'],
    modelType: 'gemma2',
    defaults: {
      vocab_size: 256000,
      max_position_embeddings: 8192,
      rms_norm_eps: 1e-6,
      rope_theta: 10000,
      head_dim: 256,
      num_key_value_heads: 4,
      hidden_activation: 'gelu_pytorch_tanh',
      tie_word_embeddings: true,
      sliding_window: 4096,
    },
    accepted: without(
      commonConfig,
      'sliding_window',
      'layer_types',
      'attn_logit_softcapping',
      'final_logit_softcapping',
      'query_pre_attn_scalar',
    ),
    ignored: [inverseFrequencies],
    activationKey: 'hidden_activation',
  },
  gguf: {
    ropeLayout: 'halves',
    accepted: without(commonMetadata, 'attention.sliding_window', 'attn_logit_softcapping', 'final_logit_softcapping'),
    ignored: [],
    scalings: ['none'],
    scaleOfModelAt: 46,
    alwaysTied: true,
  },
  fixed: { normOffset: 1, postNorms: true, qkNorm: false, attentionBias: false, embeddingScale: 'sqrtModel' },
  windows: { fullEvery: 2 },
  softcaps: { attention: 50, logits: 30 },
  queryScalar: 256,
  ...geluTanh,
  tensors: outerTensors({ plusOne: true }),
  blockTensors: fourNormBlock(),
}
