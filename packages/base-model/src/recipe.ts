import type { TrainingConfigInput } from '@qt/core'

/** What the base model is made of: texts, shape and training. Everything follows from it, bit for bit. */
export const recipe = {
  texts: { tales: 4200, rules: 4500, quizzes: 3000, sheets: 2000, stories: 200 },
  /** So many more sheets come before all else, until copying is sure. */
  sheetsFirst: 600,
  /** Of every so many conversations one is learned whole, not only what is answered. */
  wholeEvery: 7,
  /** Of every so many tales one is learned with its prose, the others by their calls alone. */
  proseEvery: 2,
  seed: 1,
  /** Pieces of words; with their twins after a space the vocabulary is nearly twice that. */
  pieces: 3000,
  architecture: {
    layers: 4,
    dModel: 256,
    heads: 4,
    ffn: 704,
    ropeTheta: 500_000,
    contextLength: 2048,
  },
  training: {
    epochs: 1,
    batchSize: 2,
    sequenceLength: 768,
    precision: 'bfloat16',
    learningRate: 3.5e-4,
    schedule: 'cosine',
    warmupSteps: 50,
    beta2: 0.98,
    weightDecay: 0.01,
    packing: true,
    shuffle: false,
    validateEvery: 1000,
    saveEvery: 500,
  },
} as const satisfies {
  readonly texts: Readonly<Record<string, number>>
  readonly pieces: number
  readonly sheetsFirst: number
  readonly wholeEvery: number
  readonly proseEvery: number
  readonly seed: number
  readonly architecture: Readonly<Record<string, number>>
  readonly training: TrainingConfigInput['training']
}
