import type { TensorInfo } from '@qt/core'

/** Small or sensitive matrices that llama.cpp leaves alone: routers, positions, convolutions, recurrences, parts of encoders. */
const kept = [
  /_norm\.weight/,
  /ffn_gate_inp\.weight|ffn_gate_tid2eid\.weight/,
  /altup|laurel|per_layer_model_proj/,
  /^(position_embd|token_types)\.weight$/,
  /ssm_conv1d|shortconv\.conv\.weight/,
  /indexer\.[kq]_proj\.weight/,
  /time_mix_(first|w[012]|v[012]|a[012]|g[12]|decay_w[12]|lerp_fused)\.weight/,
  /attn_rel_b\.weight/,
  /\.position_embd|sam\.pos_embd|sam\.neck\.|sam\.net_|\.rel_pos|\.patch_embd|\.patch_merger/,
  /a\.rvq\.codebook|mm\.a\.code_embd/,
]

/** Weights of two or more dimensions, embeddings and output included; norms and biases stay as they are. */
export function isQuantised({ name, shape }: Pick<TensorInfo, 'name' | 'shape'>): boolean {
  const outermost = shape.findIndex((size) => size > 1)
  const dimensions = outermost < 0 ? 1 : shape.length - outermost
  return name.endsWith('weight') && dimensions >= 2 && !kept.some((pattern) => pattern.test(name))
}
