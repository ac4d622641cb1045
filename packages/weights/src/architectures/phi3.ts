import type { Architecture } from './architecture.js'
import { commonConfig, commonMetadata, inverseFrequencies, silu, without } from './common.js'
import { attentionNorm, attentionOut, attentionTensors, down, ffnNorm, gateAndUp, outerTensors } from './tensors.js'

/** Phi-3 and Phi-4: q, k and v in one tensor, gate and up in another; a part of each head is rotated where the config says so. */
export const phi3: Architecture = {
  name: 'phi3',
  huggingFace: {
    classes: ['Phi3ForCausalLM'],
    modelType: 'phi3',
    defaults: {
      vocab_size: 32064,
      max_position_embeddings: 4096,
      original_max_position_embeddings: 4096,
      rms_norm_eps: 1e-5,
      rope_theta: 10000,
      hidden_act: 'silu',
      tie_word_embeddings: false,
    },
    accepted: without(commonConfig, 'sliding_window', 'partial_rotary_factor'),
    ignored: [inverseFrequencies],
    activationKey: 'hidden_act',
  },
  gguf: {
    ropeLayout: 'halves',
    accepted: without(commonMetadata, 'attention.sliding_window'),
    ignored: [/^rope_factors_(long|short)\.weight$/],
    scalings: ['none', 'longrope'],
  },
  fixed: { normOffset: 0, postNorms: false, qkNorm: false, attentionBias: false, embeddingScale: 'one' },
  windows: 'all',
  ...silu,
  tensors: outerTensors(),
  blockTensors: [
    attentionNorm,
    {
      name: 'attn_qkv.weight',
      huggingFace: 'self_attn.qkv_proj.weight',
      shape: ['queriesKeysValues', 'model'],
      parts: attentionTensors('plain'),
    },
    attentionOut,
    ffnNorm,
    { name: 'ffn_up.weight', huggingFace: 'mlp.gate_up_proj.weight', shape: ['gateAndUp', 'model'], parts: gateAndUp },
    down,
  ],
}
