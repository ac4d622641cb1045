import { blockTensor, projections } from '@qt/core'

/** TensorKind of native/src/train/layout.hpp; a projection's index is added to the first three. */
export const kinds = {
  adapterA: 0,
  adapterB: 16,
  weight: 32,
  attentionNorm: 48,
  ffnNorm: 49,
  embedding: 50,
  outputNorm: 51,
  outputWeight: 52,
} as const

/** The canonical name of a trained tensor; an adapter's halves end in .lora_a and .lora_b, as in a GGUF adapter. */
export function trainedName({ layer, kind }: { layer: number; kind: number }): string {
  const projection = projections[kind % 16]
  if (kind < kinds.adapterB) return `${blockTensor(layer, projection!)}.lora_a`
  if (kind < kinds.weight) return `${blockTensor(layer, projection!)}.lora_b`
  if (kind < kinds.attentionNorm) return blockTensor(layer, projection!)
  switch (kind) {
    case kinds.attentionNorm:
      return blockTensor(layer, 'attn_norm')
    case kinds.ffnNorm:
      return blockTensor(layer, 'ffn_norm')
    case kinds.embedding:
      return 'token_embd.weight'
    case kinds.outputNorm:
      return 'output_norm.weight'
    default:
      return 'output.weight'
  }
}
