/** What a tensor does, as far as the mixtures care. */
export type Category =
  | 'output'
  | 'embedding'
  | 'attention-qkv'
  | 'attention-kv-b'
  | 'attention-v'
  | 'attention-k'
  | 'attention-q'
  | 'attention-output'
  | 'ffn-up'
  | 'ffn-gate'
  | 'ffn-down'
  | 'other'

/** In this order: `attn_qkv` and experts (`ffn_down_exps`) are found by parts of the name. */
const parts: readonly (readonly [string, Category])[] = [
  ['attn_qkv.weight', 'attention-qkv'],
  ['attn_kv_b.weight', 'attention-kv-b'],
  ['attn_v.weight', 'attention-v'],
  ['attn_k.weight', 'attention-k'],
  ['attn_q.weight', 'attention-q'],
  ['attn_output.weight', 'attention-output'],
  ['ffn_up', 'ffn-up'],
  ['ffn_gate', 'ffn-gate'],
  ['ffn_down', 'ffn-down'],
]

export function categoryOf(name: string): Category {
  if (name === 'output.weight') return 'output'
  if (name === 'token_embd.weight' || name === 'per_layer_token_embd.weight') return 'embedding'
  return parts.find(([part]) => name.includes(part))?.[1] ?? 'other'
}

/** Values of attention: more sensitive than the rest. */
export const isValues = (category: Category): boolean =>
  category === 'attention-v' || category === 'attention-qkv' || category === 'attention-kv-b'

export const layerOf = (name: string): number | undefined => {
  const found = /^blk\.(\d+)\./.exec(name)
  return found ? Number(found[1]) : undefined
}
