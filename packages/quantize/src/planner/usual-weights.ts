import { type Gguf, metadataNumber, metadataString } from '@qt/weights'

/** Beside the projections of a feed-forward and the values of attention; of SmolLM2, measured by `divergenceWeights`. */
const parts: Readonly<Record<string, number>> = { attn_q: 0.4, attn_k: 0.7, attn_output: 0.6 }

/** The output beside one projection of one of so many layers: each layer adds its share to what the output turns into answers whole. */
const outputOfLayers = 1.5

/**
 * What a tensor's relative error usually does to the answers, where nobody has measured it on this model: an error of the output goes
 * straight into them, one of a layer is one of many.
 */
export function usualWeights({ metadata, tensors }: Pick<Gguf, 'metadata' | 'tensors'>): (tensor: string) => number {
  const layers = metadataNumber(metadata, `${metadataString(metadata, 'general.architecture')}.block_count`) ?? 1
  const output = tensors.has('output.weight') ? 'output.weight' : 'token_embd.weight'
  return (tensor) => {
    if (tensor === output) return Math.max(1, outputOfLayers * layers)
    return parts[/^blk\.\d+\.(\w+)\.weight$/.exec(tensor)?.[1] ?? ''] ?? 1
  }
}
