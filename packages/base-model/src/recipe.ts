import type { TrainingConfigInput } from '@qt/core'

/** What the base model is made of: texts, shape and training. Everything follows from it, bit for bit. */
export const recipe = {
  texts: { tales: 5000, rules: 2600, quizzes: 8000, sheets: 1400, stories: 200 },
  /** Of every so many conversations one is learned whole, not only what is answered. */
  wholeEvery: 7,
  seed: 1,
  architecture: {
    layers: 4,
    dModel: 256,
    heads: 4,
    ffn: 704,
    vocab: 4096,
    ropeTheta: 500_000,
    contextLength: 2048,
  },
  training: {
    epochs: 1,
    batchSize: 2,
    sequenceLength: 768,
    precision: 'bfloat16',
    learningRate: 8e-4,
    schedule: 'cosine',
    warmupSteps: 50,
    beta2: 0.98,
    weightDecay: 0.01,
    packing: true,
    shuffle: true,
    validateEvery: 1000,
    saveEvery: 1000,
  },
} as const satisfies {
  readonly texts: Readonly<Record<string, number>>
  readonly wholeEvery: number
  readonly seed: number
  readonly architecture: Readonly<Record<string, number>>
  readonly training: TrainingConfigInput['training']
}
