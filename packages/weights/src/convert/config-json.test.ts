import { expect, it } from 'vitest'
import { configJson } from './config-json.js'

it('writes numbers that are floats to Python with a point, and leaves the others', () => {
  const config = {
    final_logit_softcapping: 30,
    attn_logit_softcapping: null,
    rms_norm_eps: 1e-7,
    rope_theta: 10000,
    query_pre_attn_scalar: 256,
    rope_scaling: {
      rope_type: 'llama3',
      factor: 8,
      low_freq_factor: 1.5,
      original_max_position_embeddings: 8192,
      short_factor: [1],
    },
    attention_dropout: 0,
  }
  const text = configJson(config)
  for (const line of [
    '"final_logit_softcapping": 30.0,',
    '"rope_theta": 10000.0,',
    '    "factor": 8.0,',
    '"low_freq_factor": 1.5,',
  ])
    expect(text).toContain(line)
  for (const line of [
    '"attn_logit_softcapping": null,',
    '"rms_norm_eps": 1e-7,',
    '"query_pre_attn_scalar": 256,',
    '"attention_dropout": 0\n',
  ])
    expect(text).toContain(line)
  expect(JSON.parse(text)).toEqual(config)
})
