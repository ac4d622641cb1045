import type { TrainingConfigInput } from '@qt/core'
import type { ModelChoice } from './draw-model.js'
import { vocabulary } from './draw-model.js'
import type { Draws } from './draws.js'

type Adapter = NonNullable<TrainingConfigInput['adapter']>
type Training = NonNullable<TrainingConfigInput['training']>

/** What of a configuration is drawn: without base, paths and device. */
export interface Settings {
  readonly architecture?: NonNullable<TrainingConfigInput['architecture']>
  readonly adapter?: Adapter
  readonly quantization?: NonNullable<TrainingConfigInput['quantization']>
  readonly baseStorage?: NonNullable<TrainingConfigInput['baseStorage']>
  readonly validation?: number
  /** Of texts. */
  readonly tooLong?: NonNullable<TrainingConfigInput['data']['tooLong']>
  /** Trained twice: the second time from the adapter of the first, alone on the processor. */
  readonly goesOn?: boolean
  /** `gradAccumulation` counts all micro-batches of a step, whoever takes them. */
  readonly training: Training & { readonly batchSize: number; readonly gradAccumulation: number; readonly sequenceLength: number }
}

const projections = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj']

/** A small one has few tokens in few steps. */
export function drawConfig(draw: Draws, model: ModelChoice | undefined, small: boolean): Settings {
  const quantised = model !== undefined && !['folder', 'F32', 'F16', 'BF16'].includes(model.file)
  const adapter = model && draw.chance(quantised ? 0.97 : 0.65) ? drawAdapter(draw) : undefined
  const contrary = draw.chance(0.04)
  const training = drawTraining(draw, { adapter: adapter !== undefined, contrary, small })
  return {
    ...(model === undefined && { architecture: drawArchitecture(draw) }),
    ...(adapter && { adapter }),
    ...(adapter &&
      draw.chance(quantised ? 0.03 : 0.2) && { quantization: draw.pick(['nf4', 'nf4', '4bit', 'auto', '8bit'] as const) }),
    ...(draw.chance(0.1) && { baseStorage: draw.pick(['bfloat16', 'float32'] as const) }),
    ...(adapter && draw.chance(0.15) && { goesOn: true }),
    ...(draw.chance(0.5) && { tooLong: draw.pick(['cut-end', 'cut-start', 'drop', 'split'] as const) }),
    ...(draw.chance(0.5) && { validation: draw.pick([0.2, 0.5]) }),
    training,
  }
}

function drawArchitecture(draw: Draws): NonNullable<Settings['architecture']> {
  const kvHeads = draw.pick([1, 2, 4])
  const heads = kvHeads * draw.pick([1, 2])
  return {
    layers: draw.whole(1, 3),
    dModel: heads * draw.pick([8, 16]),
    heads,
    kvHeads,
    ffn: draw.pick([24, 64, 96]),
    vocab: vocabulary,
    ...(draw.chance(0.3) && { tiedEmbeddings: draw.chance(0.5) }),
  }
}

function drawAdapter(draw: Draws): Adapter {
  return {
    rank: draw.pick([1, 2, 4, 5, 16, 100]),
    ...(draw.chance(0.6) && { kind: draw.pick(['lora', 'dora', 'pissa', 'lora+'] as const) }),
    ...(draw.chance(0.5) && { alpha: draw.pick([1, 8, 32]) }),
    ...(draw.chance(0.3) && { dropout: draw.pick([0.05, 0.5]) }),
    ...(draw.chance(0.2) && { rankStabilised: true }),
    ...(draw.chance(0.3) && { targets: draw.some(projections) }),
    ...(draw.chance(0.1) && { rankPattern: { [draw.pick(['q_proj', 'layers.0.mlp.down_proj'])]: draw.pick([1, 3, 8]) } }),
    ...(draw.chance(0.1) && { alphaPattern: { [draw.pick(['v_proj', 'layers.1.mlp.up_proj'])]: draw.pick([1, 3, 8]) } }),
    ...(draw.chance(0.2) && { modulesToSave: draw.some(['embed_tokens', 'lm_head'] as const) }),
    ...(draw.chance(0.15) && {
      frozen: draw.some(['q_proj', 'layers.0.self_attn.v_proj', 'down_proj', 'layers.1.mlp.gate_proj']),
    }),
    ...(draw.chance(0.1) && { loraPlusRatio: draw.pick([2, 8]) }),
  }
}

/** With `contrary` also what does not go together, which is to be refused. */
function drawTraining(
  draw: Draws,
  { adapter, contrary, small }: Readonly<Record<'adapter' | 'contrary' | 'small', boolean>>,
): Settings['training'] {
  const objective = draw.chance(0.15) ? draw.pick(['dpo', 'orpo'] as const) : undefined
  const allowed = adapter || contrary || objective !== 'dpo' ? objective : 'orpo'
  const optimizers =
    adapter && !contrary ? (['adamw8bit', 'adafactor', 'sgd'] as const) : (['adamw8bit', 'adafactor', 'sgd', 'muon'] as const)
  const strict = draw.chance(0.2)
  // Numbers that nobody means, and which may not be finite for long.
  const extreme = draw.chance(0.04)
  return {
    ...(draw.chance(0.8) ? { steps: draw.whole(1, small ? 3 : 5) } : { epochs: draw.pick(small ? [0.4, 1] : [0.4, 1, 1.5, 2]) }),
    batchSize: draw.pick([1, 2, 2, 3, 4]),
    gradAccumulation: draw.pick(small ? [1, 2, 4] : [1, 2, 4, 6, 6, 12]),
    sequenceLength: draw.pick(small ? [12, 24] : [24, 40, 72]),
    precision: draw.chance(0.8) ? 'float32' : 'bfloat16',
    ...(allowed && { objective: allowed }),
    ...(allowed && draw.chance(0.5) && { preferenceStrength: extreme ? 1e10 : draw.pick([0.05, 0.5, 2]) }),
    ...(draw.chance(0.4) && { optimizer: draw.pick(optimizers) }),
    learningRate: extreme && draw.chance(0.5) ? draw.pick([1e-30, 1e3, 1e30]) : draw.pick([1e-4, 1e-3, 5e-3]),
    ...(draw.chance(0.5) && { schedule: draw.pick(['constant', 'linear'] as const) }),
    ...(draw.chance(0.2) && { embeddingRatio: draw.pick([0.5, 4]) }),
    ...(draw.chance(0.3) && { warmupSteps: draw.whole(1, 4) }),
    ...(draw.chance(0.2) && { beta1: draw.pick([0, 0.5]) }),
    ...(draw.chance(0.2) && { beta2: draw.pick([0.5, 0.9]) }),
    epsilon: extreme && draw.chance(0.5) ? draw.pick([1e-40, 1e10]) : draw.pick([1e-8, 1e-5, 1e-4, 1e-4]),
    ...(draw.chance(0.3) && { weightDecay: extreme ? 1e5 : draw.pick([0.01, 0.5]) }),
    ...((!allowed || contrary) && draw.chance(0.15) && { labelSmoothing: draw.pick([0.1, 0.5]) }),
    ...(draw.chance(0.15) && { embeddingNoise: extreme ? 1e30 : draw.pick([1, 5]) }),
    ...(draw.chance(0.2) && { averageDecay: draw.pick([0, 0.5, 0.9]) }),
    ...(draw.chance(0.5) && { gradClip: draw.pick([null, 0.01, 0.3]) }),
    ...(draw.chance(0.4) && { checkpointing: draw.chance(0.7) }),
    ...(draw.chance(0.3) && { feedForwardChunk: draw.pick([1, 7, 16, 1000]) }),
    ...(contrary && !small && draw.chance(0.3) && { offload: true }),
    ...(draw.chance(0.5) && { packing: draw.chance(0.7) }),
    ...(draw.chance(0.4) && { shuffle: draw.chance(0.7) }),
    ...(draw.chance(0.3) && { seed: draw.whole(0, 2 ** 40) }),
    ...(strict && { deterministic: 'strict' }),
    ...((adapter || contrary) && draw.chance(0.15) && { shardBase: true }),
    ...((!strict || contrary) && draw.chance(0.2) && { shardGradients: false }),
    validateEvery: draw.pick([1, 2, 50]),
    saveEvery: draw.pick([1, 2, 50]),
    ...(draw.chance(0.1) && { earlyStopping: { patience: 1, minDelta: draw.pick([0, 10]) } }),
  }
}
