import { type Metadata, metadataNumber, metadataNumbers, metadataString } from '@qt/weights'

/** What the mixtures ask about a model. */
export interface ModelFacts {
  readonly architecture: string
  readonly layers: number
  readonly experts: number
  /** Query heads for each key and value head. */
  readonly grouped: number
  /** llama.cpp's size class of 80 layers with grouped heads, whose attention values are small and worth more bits. */
  readonly is70B: boolean
}

const with70B = ['llama', 'deci', 'qwen2', 'qwen2vl']

export function factsOf(metadata: Metadata): ModelFacts {
  const architecture = metadataString(metadata, 'general.architecture') ?? ''
  const number = (key: string) =>
    metadataNumber(metadata, `${architecture}.${key}`) ?? metadataNumbers(metadata, `${architecture}.${key}`)?.[0]
  const heads = number('attention.head_count') ?? 0
  const keyHeads = number('attention.head_count_kv') ?? heads
  const layers = number('block_count') ?? 0
  return {
    architecture,
    layers,
    experts: number('expert_count') ?? 0,
    grouped: keyHeads === 0 ? 0 : Math.trunc(heads / keyHeads),
    is70B: with70B.includes(architecture) && layers === 80 && (architecture !== 'llama' || heads !== keyHeads),
  }
}
