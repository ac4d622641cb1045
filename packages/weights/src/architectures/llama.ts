import type { Architecture } from './architecture.js'
import { commonConfig, commonMetadata, inverseFrequencies, silu } from './common.js'
import { outerTensors, plainBlock } from './tensors.js'

/** Llama 1 to 3, SmolLM and SmolLM2, TinyLlama and many of their kind. */
export const llama: Architecture = {
  name: 'llama',
  huggingFace: {
    classes: ['LlamaForCausalLM', 'LLaMAForCausalLM'],
    modelType: 'llama',
    defaults: {
      vocab_size: 32000,
      max_position_embeddings: 2048,
      rms_norm_eps: 1e-6,
      rope_theta: 10000,
      hidden_act: 'silu',
      tie_word_embeddings: false,
    },
    accepted: commonConfig,
    ignored: [inverseFrequencies],
    activationKey: 'hidden_act',
  },
  gguf: {
    ropeLayout: 'interleaved',
    accepted: commonMetadata,
    ignored: [/^rope_freqs\.weight$/, /^blk\.\d+\.attn_rot_embd(\.weight)?$/],
    scalings: ['none', 'linear', 'llama3', 'divisors', 'yarn'],
  },
  fixed: { normOffset: 0, postNorms: false, qkNorm: false, attentionBias: false, embeddingScale: 'one' },
  windows: 'none',
  ...silu,
  tensors: outerTensors(),
  blockTensors: plainBlock('permuted'),
}
