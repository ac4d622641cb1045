import type { TensorEntry } from './architecture.js'

/** The tensors that most architectures share, under the names of most. */
export const outerTensors = (norm: { plusOne?: boolean } = {}): readonly TensorEntry[] => [
  { name: 'token_embd.weight', huggingFace: 'model.embed_tokens.weight', shape: ['vocabulary', 'model'] },
  { name: 'output_norm.weight', huggingFace: 'model.norm.weight', shape: ['model'], ...norm },
  { name: 'output.weight', huggingFace: 'lm_head.weight', shape: ['vocabulary', 'model'], tied: true },
]

export const attentionTensors = (rotary: 'permuted' | 'plain'): readonly TensorEntry[] => [
  {
    name: 'attn_q.weight',
    huggingFace: 'self_attn.q_proj.weight',
    shape: ['attention', 'model'],
    ...(rotary === 'permuted' ? { permuted: 'heads' } : {}),
  },
  {
    name: 'attn_k.weight',
    huggingFace: 'self_attn.k_proj.weight',
    shape: ['keys', 'model'],
    ...(rotary === 'permuted' ? { permuted: 'kvHeads' } : {}),
  },
  { name: 'attn_v.weight', huggingFace: 'self_attn.v_proj.weight', shape: ['keys', 'model'] },
]

export const attentionBiases: readonly TensorEntry[] = [
  { name: 'attn_q.bias', huggingFace: 'self_attn.q_proj.bias', shape: ['attention'] },
  { name: 'attn_k.bias', huggingFace: 'self_attn.k_proj.bias', shape: ['keys'] },
  { name: 'attn_v.bias', huggingFace: 'self_attn.v_proj.bias', shape: ['keys'] },
]

export const headNorms = (norm: { plusOne?: boolean } = {}): readonly TensorEntry[] => [
  { name: 'attn_q_norm.weight', huggingFace: 'self_attn.q_norm.weight', shape: ['headDim'], ...norm },
  { name: 'attn_k_norm.weight', huggingFace: 'self_attn.k_norm.weight', shape: ['headDim'], ...norm },
]

export const attentionOut: TensorEntry = {
  name: 'attn_output.weight',
  huggingFace: 'self_attn.o_proj.weight',
  shape: ['model', 'attention'],
}

export const gateAndUp: readonly TensorEntry[] = [
  { name: 'ffn_gate.weight', huggingFace: 'mlp.gate_proj.weight', shape: ['ffn', 'model'] },
  { name: 'ffn_up.weight', huggingFace: 'mlp.up_proj.weight', shape: ['ffn', 'model'] },
]

export const down: TensorEntry = { name: 'ffn_down.weight', huggingFace: 'mlp.down_proj.weight', shape: ['model', 'ffn'] }

export const attentionNorm: TensorEntry = { name: 'attn_norm.weight', huggingFace: 'input_layernorm.weight', shape: ['model'] }

/** The norm before the feed-forward, where there is none after attention. */
export const ffnNorm: TensorEntry = { name: 'ffn_norm.weight', huggingFace: 'post_attention_layernorm.weight', shape: ['model'] }

/** A block with two norms and seven projections. */
export const plainBlock = (rotary: 'permuted' | 'plain', more: readonly TensorEntry[] = []): readonly TensorEntry[] => [
  attentionNorm,
  ...attentionTensors(rotary),
  ...more,
  attentionOut,
  ffnNorm,
  ...gateAndUp,
  down,
]

/** Gemma's block: norms before and after both halves, all stored as w of 1 + w. */
export const fourNormBlock = (more: readonly TensorEntry[] = []): readonly TensorEntry[] => [
  { ...attentionNorm, plusOne: true },
  ...attentionTensors('plain'),
  ...more,
  attentionOut,
  { name: 'post_attention_norm.weight', huggingFace: 'post_attention_layernorm.weight', shape: ['model'], plusOne: true },
  { name: 'ffn_norm.weight', huggingFace: 'pre_feedforward_layernorm.weight', shape: ['model'], plusOne: true },
  ...gateAndUp,
  down,
  { name: 'post_ffw_norm.weight', huggingFace: 'post_feedforward_layernorm.weight', shape: ['model'], plusOne: true },
]
