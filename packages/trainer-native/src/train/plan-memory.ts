import type { ModelSpec, TrainingConfig } from '@qt/core'
import type { SavedModule } from '@qt/weights'
import { binding, forcedKernels, type StepOptions, type StepPlan, type StepShare } from '../binding.js'
import { gpuPlace } from '../gpu.js'

export interface MemoryPlan {
  readonly parts: readonly { part: string; bytes: number }[]
  readonly total: number
  /** Whether block activations are recomputed in the backward pass. */
  readonly checkpointing: boolean
}

/** Rows of logits that are computed at once. */
const lossChunk = 256

export interface PlanInput {
  readonly spec: ModelSpec
  readonly config: TrainingConfig
  readonly extent: { maxTokens: number; maxPositions: number }
  readonly adapters: StepOptions['adapters']
  /** Matrices trained whole beside the adapter. */
  readonly saved: readonly SavedModule[]
  readonly dropout: number
  readonly weightBytes: number
  readonly threads: number
  readonly share: StepShare
  /** Memory that may be used before `checkpointing: auto` turns it on. */
  readonly available: number
}

export interface PlannedStep {
  readonly options: StepOptions
  readonly plan: MemoryPlan
}

/** The exact memory of a step, and the options that it follows from. The engine allocates just this. */
export function planStep(input: PlanInput): PlannedStep {
  const { config, extent, adapters, saved, dropout } = input
  const { checkpointing, precision, labelSmoothing, embeddingNoise, averageDecay, optimizer, seed } = config.training
  const options = (recompute: boolean): StepOptions => ({
    precision: precision === 'float32' ? 'float32' : 'bfloat16',
    checkpointing: recompute,
    full: adapters.length === 0,
    ...extent,
    lossChunk,
    dropout,
    labelSmoothing,
    seed,
    optimizer,
    average: averageDecay !== null,
    embeddingNoise,
    trainEmbedding: saved.includes('token_embd.weight'),
    trainOutput: saved.includes('output.weight'),
    adapters,
    share: input.share,
  })
  const gpu = gpuPlace(config.device)
  const planned = (recompute: boolean): PlannedStep => {
    const chosen = options(recompute)
    const native = binding().planStep(input.spec, chosen, input.threads, forcedKernels(), gpu)
    // What other processes send of gradients comes into the memory of this one, not of its GPU.
    const here = gpu ? { ...native, exchange: 0 } : native
    return { options: chosen, plan: memoryPlan(here, input.weightBytes, recompute) }
  }
  if (checkpointing !== 'auto') return planned(checkpointing)
  const without = planned(false)
  return without.plan.total <= input.available ? without : planned(true)
}

function memoryPlan(native: StepPlan, weightBytes: number, checkpointing: boolean): MemoryPlan {
  const parts = [
    { part: 'base weights (mapped file)', bytes: weightBytes },
    { part: 'trained parameters', bytes: native.trained },
    { part: 'gradients', bytes: native.trained },
    { part: 'what the adapter began as', bytes: native.origins },
    { part: 'optimiser state', bytes: native.state },
    { part: 'gradients of other micro-batches', bytes: native.exchange },
    ...native.parts,
  ].filter(({ bytes }) => bytes > 0)
  return { parts, total: parts.reduce((sum, { bytes }) => sum + bytes, 0), checkpointing }
}
