import { expect, it } from 'vitest'
import { specFromConfig } from '../model/spec-from-config.js'
import { requireOutput } from './metadata-from-spec.js'

const description = (architecture: 'Gemma2ForCausalLM' | 'Gemma3ForCausalLM', tie_word_embeddings: boolean) =>
  specFromConfig({
    ...{
      architectures: [architecture],
      tie_word_embeddings,
      vocab_size: 16,
      hidden_size: 16,
      intermediate_size: 32,
      num_hidden_layers: 2,
    },
    ...{ num_attention_heads: 2, num_key_value_heads: 1, head_dim: 8, query_pre_attn_scalar: 8 },
  })

it('refuses an output of its own where llama.cpp opens no file that has one', () => {
  expect(() => requireOutput(description('Gemma2ForCausalLM', true))).not.toThrow()
  expect(() => requireOutput(description('Gemma2ForCausalLM', false))).toThrow(
    expect.objectContaining({ code: 'MODEL_UNSUPPORTED', message: expect.stringContaining('output') }),
  )
  expect(() => requireOutput(description('Gemma3ForCausalLM', false))).not.toThrow()
})
