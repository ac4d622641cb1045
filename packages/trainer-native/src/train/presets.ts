import { type TrainingConfig, usageError } from '@qt/core'
import type { Config } from '@qt/weights'

type Architecture = NonNullable<TrainingConfig['architecture']>
type Sizes = readonly [layers: number, dModel: number, heads: number, kvHeads: number, ffn: number]

/** Shapes of new models, named after their parameters with a vocabulary of about 16k (49k from 135m on). */
const presets: Readonly<Record<NonNullable<Architecture['preset']>, Sizes>> = {
  '5m': [6, 192, 6, 3, 512],
  '15m': [8, 320, 5, 5, 896],
  '30m': [10, 448, 7, 7, 1216],
  '60m': [16, 512, 8, 4, 1408],
  '135m': [30, 576, 9, 3, 1536],
  '360m': [32, 960, 15, 5, 2560],
  '500m': [32, 1152, 18, 6, 3072],
  '1b': [16, 2048, 32, 8, 5632],
}

/** What the keys of that config.json are called in a training configuration. */
export const architectureSettings: Readonly<Record<string, string>> = {
  vocab_size: 'vocab',
  hidden_size: 'dModel',
  num_hidden_layers: 'layers',
  num_attention_heads: 'heads',
  num_key_value_heads: 'kvHeads',
  head_dim: 'headDim',
  intermediate_size: 'ffn',
  max_position_embeddings: 'contextLength',
  rope_theta: 'ropeTheta',
}

/** config.json of a new llama model. */
export function architectureConfig(a: Architecture, vocabularySize: number | undefined, sequenceLength: number): Config {
  const preset = a.preset ? presets[a.preset] : undefined
  const need = (key: keyof Architecture, given: number | undefined, index: number): number => {
    const value = given ?? preset?.[index]
    if (value === undefined)
      throw usageError('CONFIG_INVALID', `"architecture.${key}" is missing.`, {
        where: { field: `architecture.${key}` },
        actions: [`Add "${key}", or take a preset: ${Object.keys(presets).join(', ')}.`],
      })
    return value
  }
  const dModel = need('dModel', a.dModel, 1)
  const heads = need('heads', a.heads, 2)
  const vocab = a.vocab ?? vocabularySize
  if (vocab === undefined)
    throw usageError('CONFIG_INVALID', '"architecture.vocab" is missing, and there is no tokenizer to take it from.', {
      where: { field: 'architecture.vocab' },
      actions: ['Add "tokenizer", or "vocab" for data that is tokenised already.'],
    })
  if (dModel % heads !== 0 && a.headDim === undefined)
    throw usageError('CONFIG_INVALID', `dModel ${dModel} does not divide into ${heads} heads.`, {
      where: { field: 'architecture.heads' },
      actions: ['Choose heads that divide dModel, or give headDim.'],
    })
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    vocab_size: vocab,
    hidden_size: dModel,
    num_hidden_layers: need('layers', a.layers, 0),
    num_attention_heads: heads,
    num_key_value_heads: a.kvHeads ?? preset?.[3] ?? heads,
    head_dim: a.headDim ?? dModel / heads,
    intermediate_size: need('ffn', a.ffn, 4),
    max_position_embeddings: a.contextLength ?? Math.max(2048, sequenceLength),
    rms_norm_eps: 1e-5,
    rope_theta: a.ropeTheta ?? 10000,
    hidden_act: 'silu',
    tie_word_embeddings: a.tiedEmbeddings ?? true,
  }
}
