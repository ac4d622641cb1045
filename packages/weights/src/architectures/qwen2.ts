import type { Architecture } from './architecture.js'
import { commonConfig, commonMetadata, inverseFrequencies, silu, without } from './common.js'
import { attentionBiases, outerTensors, plainBlock } from './tensors.js'

/** Qwen2 and Qwen2.5: llama with biases of q, k and v. */
export const qwen2: Architecture = {
  name: 'qwen2',
  huggingFace: {
    classes: ['Qwen2ForCausalLM'],
    modelType: 'qwen2',
    defaults: {
      vocab_size: 151936,
      max_position_embeddings: 32768,
      rms_norm_eps: 1e-6,
      rope_theta: 10000,
      hidden_act: 'silu',
      tie_word_embeddings: false,
      use_sliding_window: false,
      sliding_window: 4096,
      max_window_layers: 28,
    },
    accepted: without(commonConfig, 'attention_bias', 'sliding_window', 'layer_types'),
    ignored: [inverseFrequencies],
    activationKey: 'hidden_act',
  },
  gguf: { ropeLayout: 'halves', accepted: commonMetadata, ignored: [], scalings: ['none', 'linear', 'yarn'] },
  fixed: { normOffset: 0, postNorms: false, qkNorm: false, attentionBias: true, embeddingScale: 'one' },
  windows: 'late',
  ...silu,
  tensors: outerTensors(),
  blockTensors: plainBlock('plain', attentionBiases),
}
