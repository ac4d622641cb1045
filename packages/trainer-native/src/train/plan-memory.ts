import type { ModelSpec, TrainingConfig } from '@qt/core'
import type { SavedModule } from '@qt/weights'
import { binding, forcedKernels, type StepOptions, type StepPlan, type StepShare } from '../binding.js'
import { gpuPlace } from '../gpu.js'
import type { Memory } from './memory.js'

export interface MemoryPlan {
  readonly parts: readonly { part: string; bytes: number }[]
  readonly total: number
  /** Whether block activations are recomputed in the backward pass. */
  readonly checkpointing: boolean
  /** Tokens of a feed-forward at once; false: all. */
  readonly feedForwardChunk: number | false
  /** Bytes of the machine's memory beside the GPU's, for inputs of blocks; they are no part of the total. */
  readonly offloaded: number
}

/** Tokens for whose sake a weight in blocks is decoded again: a few rounds of a processor's tiles, more where decoding weighs more. */
export const chunkOn = (device: string): number => (device === 'cpu' ? 1024 : 4096)

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
  /** How the frozen base lies in memory. */
  readonly base: { readonly part: string; readonly bytes: number }
  readonly threads: number
  readonly share: StepShare
  /** Memory that may be used before settings that are `auto` save of it. */
  readonly available: Pick<Memory, 'free' | 'beside'>
}

export interface PlannedStep {
  readonly options: StepOptions
  readonly plan: MemoryPlan
}

/** What saves memory: each costs more time than the one before. */
interface Savings {
  readonly checkpointing: boolean
  readonly feedForwardChunk: number | false
  readonly offload: boolean
}

/** The exact memory of a step, and the options that it follows from. The engine allocates just this. */
export function planStep(input: PlanInput): PlannedStep {
  const { config, extent, adapters, saved, dropout } = input
  const { precision, labelSmoothing, embeddingNoise, averageDecay, optimizer, seed } = config.training
  const full = adapters.length === 0
  const options = ({ checkpointing, feedForwardChunk, offload }: Savings): StepOptions => ({
    precision: precision === 'float32' ? 'float32' : 'bfloat16',
    checkpointing,
    feedForwardChunk: feedForwardChunk === false ? 0 : Math.min(feedForwardChunk, extent.maxTokens),
    offload,
    full,
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
  const planned = (savings: Savings): PlannedStep => {
    const chosen = options(savings)
    const native = binding().planStep(input.spec, chosen, input.threads, forcedKernels(), gpu)
    return { options: chosen, plan: memoryPlan(native, input.base, savings) }
  }
  const { free, beside = 0 } = input.available
  const steps = savingsOf(config, extent.maxTokens)
  let last = planned(steps[0]!)
  for (const savings of steps.slice(1)) {
    if (last.plan.total <= free) break
    const next = planned(savings)
    if (next.plan.offloaded <= beside || config.training.offload === true) last = next
  }
  return last
}

/** What may be saved, one after the other, where the configuration leaves it open. */
function savingsOf({ training, device }: TrainingConfig, maxTokens: number): [Savings, ...Savings[]] {
  const chunk = chunkOn(device)
  const mayOffload = device !== 'cpu' && training.checkpointing !== false
  const asked: Savings = {
    checkpointing: training.checkpointing === 'auto' ? training.offload === true : training.checkpointing,
    feedForwardChunk: training.feedForwardChunk === 'auto' ? false : training.feedForwardChunk,
    offload: training.offload === true,
  }
  const steps: [Savings, ...Savings[]] = [asked]
  const also = (open: boolean, more: Partial<Savings>) => {
    if (open) steps.push({ ...(steps.at(-1) ?? asked), ...more })
  }
  also(training.checkpointing === 'auto' && !asked.checkpointing, { checkpointing: true })
  // The last bits follow from it, and in the strict order not from the memory that is free.
  const mayChunk = training.feedForwardChunk === 'auto' && training.deterministic !== 'strict'
  also(mayChunk && maxTokens > chunk, { feedForwardChunk: chunk })
  also(training.offload === 'auto' && mayOffload, { offload: true })
  return steps
}

/** Its pages come and go. */
export const mapped = 'base weights (mapped file)'

function memoryPlan(native: StepPlan, base: PlanInput['base'], { checkpointing, feedForwardChunk }: Savings): MemoryPlan {
  const parts = [
    base,
    { part: 'trained parameters', bytes: native.trained },
    { part: 'gradients', bytes: native.gradients },
    { part: 'what the adapter began as', bytes: native.origins },
    { part: 'optimiser state', bytes: native.state },
    { part: 'gradients on their way', bytes: native.exchange },
    ...native.parts,
  ].filter(({ bytes }) => bytes > 0)
  const { offloaded } = native
  return { parts, total: parts.reduce((sum, { bytes }) => sum + bytes, 0), checkpointing, feedForwardChunk, offloaded }
}
