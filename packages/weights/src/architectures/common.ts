/** Keys of config.json that change the arithmetic and that no table here implements, unless it says so itself. */
export const commonConfig: Readonly<Record<string, readonly unknown[]>> = {
  attention_bias: [false],
  mlp_bias: [false],
  sliding_window: [],
  layer_types: ['full_attention'],
  quantization_config: [],
  rope_interleaved: [false],
  partial_rotary_factor: [1],
  num_experts: [0, 1],
  num_local_experts: [0, 1],
  attn_logit_softcapping: [],
  final_logit_softcapping: [],
  embedding_multiplier: [1],
  residual_multiplier: [1],
  attention_multiplier: [],
  logits_scaling: [1],
  query_pre_attn_scalar: [],
  use_qk_norm: [false],
  use_bidirectional_attention: [false],
}

/** The same of GGUF metadata, without the prefix of the architecture. */
export const commonMetadata: Readonly<Record<string, readonly unknown[]>> = {
  expert_count: [0],
  use_parallel_residual: [false],
  'attention.clamp_kqv': [0],
  'attention.max_alibi_bias': [0],
  'attention.sliding_window': [],
  'attention.scale': [],
  'attention.causal': [true],
  attn_logit_softcapping: [],
  final_logit_softcapping: [],
  logit_scale: [1],
  residual_scale: [1],
  embedding_scale: [1],
}

/** A list of refusals without those keys. */
export const without = (
  list: Readonly<Record<string, readonly unknown[]>>,
  ...keys: readonly string[]
): Readonly<Record<string, readonly unknown[]>> => Object.fromEntries(Object.entries(list).filter(([key]) => !keys.includes(key)))

export const inverseFrequencies = /^model\.layers\.\d+\.self_attn\.rotary_emb\.inv_freq$/

export const silu = { activations: { silu: 'silu', swish: 'silu' }, activation: 'silu' } as const

/** Gelu by the tanh formula; plain `gelu` is another function. */
export const geluTanh = { activations: { gelu_pytorch_tanh: 'gelu', gelu_tanh: 'gelu' }, activation: 'gelu' } as const
