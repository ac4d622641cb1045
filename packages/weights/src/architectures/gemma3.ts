import type { Architecture } from './architecture.js'
import { gemma2 } from './gemma2.js'
import { fourNormBlock, headNorms } from './tensors.js'

/** Gemma 3, text: a window and a rope of their own in five of six layers, norms of each head, no caps unless asked for. */
export const gemma3: Architecture = {
  ...gemma2,
  name: 'gemma3',
  huggingFace: {
    ...gemma2.huggingFace,
    classes: ['Gemma3ForCausalLM'],
    modelType: 'gemma3_text',
    defaults: {
      ...gemma2.huggingFace.defaults,
      vocab_size: 262208,
      max_position_embeddings: 131072,
      rope_theta: 1000000,
      rope_local_base_freq: 10000,
    },
  },
  gguf: { ...gemma2.gguf, scalings: ['none', 'linear'], scaleOfModelAt: 62, alwaysTied: false },
  fixed: { ...gemma2.fixed, qkNorm: true },
  windows: { fullEvery: 6 },
  localTheta: 10000,
  softcaps: { attention: null, logits: null },
  blockTensors: fourNormBlock(headNorms({ plusOne: true })),
}
