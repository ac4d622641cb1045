import { openModel } from '@qt/weights'
import { binding, type NativeTrainer, type StepOptions } from '../src/binding.js'
import { tensorSources } from '../src/train/base.js'
import { fixture } from './support.js'

export const smallStep: StepOptions = {
  precision: 'float32',
  checkpointing: false,
  feedForwardChunk: 0,
  offload: false,
  full: false,
  maxTokens: 16,
  maxPositions: 16,
  lossChunk: 16,
  dropout: 0,
  labelSmoothing: 0,
  seed: 1,
  optimizer: 'adamw',
  average: false,
  embeddingNoise: 0,
  trainEmbedding: false,
  trainOutput: false,
  adapters: [{ layer: 0, projection: 0, rank: 2, scale: 1, magnitude: false, origin: false }],
}

/** A trainer of one small adapter on the smallest model. */
export async function smallTrainer(): Promise<NativeTrainer> {
  const model = await openModel(fixture('tiny-tied'))
  const { Model, Trainer } = binding()
  return new Trainer(new Model(model.spec, tensorSources(model), 'packed'), smallStep, 1)
}
