import type { Architecture } from './architecture.js'
import { commonConfig, without } from './common.js'
import { qwen2 } from './qwen2.js'
import { headNorms, plainBlock } from './tensors.js'

/** Qwen3, dense: a norm of each head of q and k instead of biases, and heads of a size of their own. */
export const qwen3: Architecture = {
  ...qwen2,
  name: 'qwen3',
  huggingFace: {
    ...qwen2.huggingFace,
    classes: ['Qwen3ForCausalLM'],
    modelType: 'qwen3',
    defaults: { ...qwen2.huggingFace.defaults, head_dim: 128 },
    accepted: without(commonConfig, 'sliding_window', 'layer_types'),
  },
  fixed: { ...qwen2.fixed, qkNorm: true, attentionBias: false },
  blockTensors: plainBlock('plain', headNorms()),
}
