import type { TrainingConfigInput } from '@qt/core'

/** What is read in one stage of the training, in conversations and stories. */
interface Texts {
  readonly tales: number
  readonly rules: number
  readonly quizzes: number
  readonly sheets: number
  readonly stories: number
}

export interface Stage {
  /** The texts' own seed. */
  readonly seed: number
  /** So many sheets come before all else, until copying is sure. */
  readonly sheetsFirst: number
  readonly texts: Texts
  readonly training: TrainingConfigInput['training']
}

const common = {
  epochs: 1,
  batchSize: 2,
  sequenceLength: 768,
  precision: 'bfloat16',
  warmupSteps: 50,
  beta2: 0.98,
  weightDecay: 0.01,
  packing: true,
  shuffle: false,
  validateEvery: 2000,
  saveEvery: 1000,
} as const

/** What the base model is made of: texts, shape and training. Everything follows from it, bit for bit. */
export const recipe = {
  seed: 1,
  /** Pieces of words; with their twins after a space the vocabulary is nearly twice that. */
  pieces: 4000,
  /** Of every so many conversations one is learned whole, not only what is answered. */
  wholeEvery: 15,
  architecture: {
    layers: 4,
    dModel: 256,
    heads: 4,
    ffn: 704,
    ropeTheta: 500_000,
    contextLength: 2048,
  },
  stages: [
    {
      seed: 2,
      sheetsFirst: 400,
      texts: { tales: 800, rules: 1000, quizzes: 600, sheets: 600, stories: 0 },
      training: { ...common, learningRate: 3e-4, schedule: 'constant' },
    },
    // What a rare word means is learned only where it occurs, so the embedding learns faster than the rest.
    {
      seed: 1,
      sheetsFirst: 0,
      texts: { tales: 13_000, rules: 9000, quizzes: 6500, sheets: 1500, stories: 400 },
      training: { ...common, learningRate: 1.4e-4, embeddingRatio: 8, schedule: 'cosine' },
    },
  ],
} as const satisfies {
  readonly seed: number
  readonly pieces: number
  readonly wholeEvery: number
  readonly architecture: Readonly<Record<string, number>>
  readonly stages: readonly Stage[]
}
