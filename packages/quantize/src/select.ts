import type { TensorInfo, TensorType } from '@qt/core'
import { typeForRows } from './fallback.js'

/** Small or sensitive matrices that llama.cpp leaves alone: routers, positions, convolutions, recurrences. */
const kept = [
  /_norm\.weight/,
  /ffn_gate_inp\.weight/,
  /altup|laurel|per_layer_model_proj/,
  /^(position_embd|token_types)\.weight$/,
  /ssm_conv1d|shortconv\.conv\.weight/,
  /time_mix_(first|w[012]|v[012]|a[012]|g[12]|decay_w[12]|lerp_fused)\.weight/,
  /attn_rel_b\.weight/,
]

/** Weights of two or more dimensions, embeddings and output included; norms and biases stay as they are. */
function isQuantised({ name, shape }: TensorInfo): boolean {
  const outermost = shape.findIndex((size) => size > 1)
  const dimensions = outermost < 0 ? 1 : shape.length - outermost
  return name.endsWith('weight') && dimensions >= 2 && !kept.some((pattern) => pattern.test(name))
}

/** The type a tensor gets in a file of `type`. */
export const typeOf = (tensor: TensorInfo, type: TensorType): TensorType =>
  isQuantised(tensor) ? typeForRows(type, tensor.shape.at(-1)!) : tensor.type
