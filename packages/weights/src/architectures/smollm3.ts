import type { Architecture } from './architecture.js'
import { llama } from './llama.js'

/** SmolLM3: llama without rope in every fourth layer. */
export const smollm3: Architecture = {
  ...llama,
  name: 'smollm3',
  huggingFace: {
    ...llama.huggingFace,
    classes: ['SmolLM3ForCausalLM'],
    modelType: 'smollm3',
    defaults: {
      vocab_size: 128256,
      max_position_embeddings: 32768,
      rms_norm_eps: 1e-6,
      rope_theta: 2000000,
      num_key_value_heads: 4,
      hidden_act: 'silu',
      tie_word_embeddings: true,
    },
    accepted: { ...llama.huggingFace.accepted, use_sliding_window: [false] },
  },
  gguf: { ...llama.gguf, scalings: ['none', 'linear', 'yarn'] },
  noRopeEvery: 4,
}
