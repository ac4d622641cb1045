import { openModel } from '@qt/weights'
import { binding, type NativeTrainer, type StepOptions } from '../src/binding.js'
import { tensorSources } from '../src/train/base.js'
import { fixture } from './support.js'

/** Everything that may be asked of a step left out. */
export const plainStep = {
  precision: 'float32',
  checkpointing: false,
  feedForwardChunk: 0,
  offload: false,
  full: false,
  dropout: 0,
  labelSmoothing: 0,
  seed: 1,
  optimizer: 'adamw',
  average: false,
  embeddingNoise: 0,
  trainEmbedding: false,
  trainOutput: false,
  adapters: [],
} as const satisfies Partial<StepOptions>

/** Adapters of a step on every projection of every layer. */
export const onAllLinear = (layers: number, adapter: Omit<StepOptions['adapters'][number], 'layer' | 'projection'>) =>
  Array.from({ length: layers * 7 }, (_, i) => ({ layer: Math.floor(i / 7), projection: i % 7, ...adapter }))

export const smallStep: StepOptions = {
  ...plainStep,
  ...{ maxTokens: 16, maxPositions: 16, lossChunk: 16 },
  adapters: [{ layer: 0, projection: 0, rank: 2, scale: 1, magnitude: false, origin: false }],
}

/** A trainer of one small adapter on the smallest model. */
export async function smallTrainer(): Promise<NativeTrainer> {
  const model = await openModel(fixture('tiny-tied'))
  const { Model, Trainer } = binding()
  return new Trainer(new Model(model.spec, tensorSources(model), 'packed'), smallStep, 1)
}
