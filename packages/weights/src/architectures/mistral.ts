import type { Architecture } from './architecture.js'
import { commonConfig, commonMetadata, without } from './common.js'
import { llama } from './llama.js'

/** Mistral 7B and its kind: llama, with a window in all layers where the config has one. GGUF calls it llama. */
export const mistral: Architecture = {
  ...llama,
  huggingFace: {
    ...llama.huggingFace,
    classes: ['MistralForCausalLM'],
    modelType: 'mistral',
    defaults: { ...llama.huggingFace.defaults, max_position_embeddings: 131072, num_key_value_heads: 8, sliding_window: 4096 },
    accepted: without(commonConfig, 'sliding_window'),
  },
  gguf: { ...llama.gguf, accepted: without(commonMetadata, 'attention.sliding_window'), onlyWith: 'attention.sliding_window' },
  windows: 'all',
}
