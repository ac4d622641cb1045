import type { TrainingConfigInput } from '@qt/core'

/** What the base model is made of: texts, vocabulary, shape and training. Everything follows from it, bit for bit. */
export const recipe = {
  stories: 6000,
  scenes: 2000,
  vocabulary: 1024,
  seed: 1,
  architecture: {
    layers: 6,
    dModel: 128,
    heads: 4,
    kvHeads: 2,
    ffn: 384,
    vocab: 1024,
    contextLength: 512,
    tiedEmbeddings: true,
  },
  training: {
    steps: 300,
    batchSize: 8,
    sequenceLength: 256,
    precision: 'float32',
    learningRate: 4e-3,
    schedule: 'cosine',
    warmupSteps: 20,
    weightDecay: 0.01,
    validateEvery: 100,
    saveEvery: 300,
  },
} as const satisfies {
  readonly architecture: TrainingConfigInput['architecture']
  readonly training: TrainingConfigInput['training']
  readonly stories: number
  readonly scenes: number
  readonly vocabulary: number
  readonly seed: number
}
