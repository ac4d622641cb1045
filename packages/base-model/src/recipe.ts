import type { TrainingConfigInput } from '@qt/core'

/** What the base model is made of: texts, vocabulary, shape and training. Everything follows from it, bit for bit. */
export const recipe = {
  tales: 1200,
  rules: 2400,
  stories: 500,
  vocabulary: 3072,
  seed: 1,
  architecture: {
    layers: 6,
    dModel: 256,
    heads: 8,
    kvHeads: 4,
    ffn: 704,
    vocab: 3072,
    contextLength: 2048,
    tiedEmbeddings: true,
  },
  training: {
    epochs: 1,
    batchSize: 4,
    sequenceLength: 768,
    precision: 'bfloat16',
    learningRate: 2e-3,
    schedule: 'cosine',
    warmupSteps: 20,
    weightDecay: 0.01,
    packing: true,
    shuffle: true,
    validateEvery: 100,
    saveEvery: 100,
  },
} as const satisfies {
  readonly architecture: TrainingConfigInput['architecture']
  readonly training: TrainingConfigInput['training']
  readonly tales: number
  readonly rules: number
  readonly stories: number
  readonly vocabulary: number
  readonly seed: number
}
