import { z } from 'zod'
import { chatMessageSchema } from '../chat.js'

const count = z.number().int().nonnegative()
const positive = z.number().int().positive()

export const presets = ['5m', '15m', '30m', '60m', '135m', '360m', '500m', '1b'] as const

export const architectureSchema = z.strictObject({
  preset: z.enum(presets).optional(),
  layers: positive.optional(),
  dModel: positive.optional(),
  heads: positive.optional(),
  kvHeads: positive.optional(),
  headDim: positive.optional(),
  ffn: positive.optional(),
  vocab: positive.optional(),
  contextLength: positive.optional(),
  ropeTheta: z.number().positive().optional(),
  tiedEmbeddings: z.boolean().optional(),
})

export const dataFormats = ['auto', 'scenarios', 'chat', 'instructions', 'preference', 'text', 'tokens'] as const

/** A tool that scenarios may call in brackets: `[health: character, amount]`. */
export const scenarioToolSchema = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9 _-]{0,39}$/, 'a name in small letters'),
  description: z.string().default(''),
  arguments: z
    .array(
      z.strictObject({
        name: z.string(),
        kind: z.enum(['character', 'amount', 'item', 'dice or skill', 'skill', 'number', 'text']).default('text'),
        optional: z.boolean().optional(),
      }),
    )
    .default([]),
  /** A TOOLCALL turn with its result follows. */
  returns: z.boolean().optional(),
})

const regularExpression = z.string().refine((text) => {
  try {
    return Boolean(new RegExp(text, 'gu'))
  } catch {
    return false
  }
}, 'a regular expression')

/** What of a conversation is trained on: every answer, the last one, or what is named. */
export const learnSchema = z.union([
  z.enum(['assistant', 'last-turn']),
  z.strictObject({
    /** Whose messages. Default: the assistant's. */
    roles: z.array(chatMessageSchema.shape.role).min(1).optional(),
    /** Of their content only what this finds. */
    pattern: regularExpression.optional(),
  }),
])
export type Learn = z.infer<typeof learnSchema>

/** What becomes of an example that is longer than a row. */
export const tooLongPolicies = ['cut-end', 'cut-start', 'drop', 'split', 'last-turns'] as const

export const dataSchema = z.strictObject({
  path: z.union([z.string(), z.array(z.string()).min(1)]),
  format: z.enum(dataFormats).default('auto'),
  /** A share of the rows, or a path of its own. Default 0.2; 0 for `tokens`. */
  validation: z.union([z.number().min(0).lt(1), z.string()]).optional(),
  /** What of conversations is trained on; left out: every answer. */
  learn: learnSchema.optional(),
  /** Left out: conversations lose their end, texts are split. `last-turns` drops the oldest exchanges and keeps the system message. */
  tooLong: z.enum(tooLongPolicies).optional(),
  /** With `split`, tokens of the piece before that a piece begins with, not learned again. Default 0. */
  overlap: count.optional(),
  /** Scenarios with errors are left out and counted, instead of stopping everything. */
  skipInvalid: z.boolean().optional(),
  /** The tools of scenarios, here or in a JSON file; left out: the usual ones of a game master. */
  tools: z.union([z.string(), z.array(scenarioToolSchema).min(1)]).optional(),
})

/** What an adapter is unless it is said otherwise, or `init` decides. */
export const adapterDefaults = {
  kind: 'lora',
  rank: 16,
  alpha: 32,
  dropout: 0,
  rankStabilised: false,
  targets: 'all-linear',
} as const

/** How much faster than A an adapter of kind `lora+` learns B. */
export const loraPlusDefault = 16

export const adapterSchema = z.strictObject({
  kind: z.enum(['lora', 'dora', 'pissa', 'lora+']).optional(),
  init: z.string().optional(),
  rank: positive.optional(),
  alpha: z.number().positive().optional(),
  dropout: z.number().min(0).lt(1).optional(),
  rankStabilised: z.boolean().optional(),
  targets: z.union([z.literal('all-linear'), z.array(z.string()).min(1)]).optional(),
  /** Another rank for some modules, by name (`down_proj`) or the end of their path (`layers.0.self_attn.q_proj`). */
  rankPattern: z.record(z.string(), positive).optional(),
  alphaPattern: z.record(z.string(), z.number().positive()).optional(),
  /** Matrices of the vocabulary that are trained whole beside the adapter, and saved with it. */
  modulesToSave: z
    .array(z.enum(['embed_tokens', 'lm_head']))
    .min(1)
    .optional(),
  /** Modules that stay as they are, by name or the end of their path as of `rankPattern`. */
  frozen: z.array(z.string()).min(1).optional(),
  /** The learning rate of B divided by that of A (LoRA+); 1 unless `kind` is `lora+`. */
  loraPlusRatio: z.number().positive().optional(),
})

export const earlyStoppingSchema = z.strictObject({
  metric: z.enum(['loss']).default('loss'),
  patience: positive.default(5),
  minDelta: z.number().nonnegative().default(0.001),
})

export const trainingSchema = z.strictObject({
  steps: positive.optional(),
  epochs: z.number().positive().optional(),
  batchSize: positive.default(4),
  gradAccumulation: positive.default(1),
  sequenceLength: positive.default(512),
  precision: z.enum(['float32', 'bfloat16', 'float16']).default('bfloat16'),
  /** What is learned: the next token, or which of two answers is preferred (format `preference`). */
  objective: z.enum(['next-token', 'dpo', 'orpo']).default('next-token'),
  /** β of DPO, λ of ORPO. */
  preferenceStrength: z.number().positive().default(0.1),
  optimizer: z.enum(['adamw', 'adamw8bit', 'adafactor', 'sgd', 'muon']).default('adamw'),
  learningRate: z.number().positive().default(2e-4),
  schedule: z.enum(['cosine', 'constant', 'linear']).default('cosine'),
  /** The learning rate of the embedding and the output, divided by that of the other weights. */
  embeddingRatio: z.number().positive().default(1),
  warmupSteps: count.default(0),
  beta1: z.number().min(0).lt(1).default(0.9),
  beta2: z.number().min(0).lt(1).default(0.999),
  epsilon: z.number().positive().default(1e-8),
  weightDecay: z.number().nonnegative().default(0),
  /** How much of each target is spread over the whole vocabulary. */
  labelSmoothing: z.number().min(0).lt(1).default(0),
  /** NEFTune's α: uniform noise on the embeddings while training. */
  embeddingNoise: z.number().nonnegative().default(0),
  /** Write a moving average of the weights, which forgets by this factor each step. */
  averageDecay: z.number().min(0).lt(1).nullable().default(null),
  gradClip: z.number().positive().nullable().default(1),
  checkpointing: z.union([z.literal('auto'), z.boolean()]).default('auto'),
  /** Tokens that a feed-forward has at once; what it works out for them is repeated in the backward pass. `false`: all, kept. */
  feedForwardChunk: z.union([z.literal('auto'), z.literal(false), positive]).default('auto'),
  /** Of a GPU's memory into the machine's: the inputs of blocks that are repeated in the backward pass. */
  offload: z.union([z.literal('auto'), z.boolean()]).default('auto'),
  /** In several processes: each holds a share of the frozen base, and blocks are brought together as they are needed. */
  shardBase: z.boolean().default(false),
  /** In several processes: each keeps its share of the gradients, and every micro-batch is exchanged; `false`: only the last one is. */
  shardGradients: z.boolean().default(true),
  /** Of several processes, in groups of so many neighbours: those of a group share each block, and work on the same rows. */
  tensorParallel: positive.default(1),
  packing: z.boolean().optional(),
  shuffle: z.boolean().optional(),
  seed: count.max(Number.MAX_SAFE_INTEGER).default(1),
  /** `repeatable`: the same run gives the same bytes. `strict`: so does any number of processes with the same rows in a step. */
  deterministic: z.enum(['repeatable', 'strict']).default('repeatable'),
  validateEvery: positive.default(50),
  saveEvery: positive.default(50),
  earlyStopping: earlyStoppingSchema.nullable().default(null),
  optimizationFrequency: positive.default(100),
})

export const quantumSchema = z.strictObject({
  workspace: z.string().optional(),
  solver: z.string().default('parallel-tempering'),
  quboSizeLimit: positive.default(1000),
})

export const trainingConfigSchema = z.strictObject({
  base: z.string().optional(),
  architecture: architectureSchema.optional(),
  tokenizer: z.string().optional(),
  quantization: z.enum(['none', '8bit', '4bit', 'nf4', 'auto']).default('none'),
  baseStorage: z.enum(['packed', 'bfloat16', 'float32']).default('packed'),
  profile: z.enum(['gemma', 'qwen', 'phi', 'llama', 'auto']).default('auto'),
  target: z.enum(['mobile', 'desktop', 'server']).default('desktop'),
  data: dataSchema,
  adapter: adapterSchema.optional(),
  training: trainingSchema.default(() => trainingSchema.parse({})),
  quantum: quantumSchema.optional(),
  /** Where the engine computes: the processor, or an NVIDIA GPU by its number. */
  device: z
    .string()
    .regex(/^(cpu|cuda(:\d+)?)$/, 'must be cpu, cuda or cuda:1, say')
    .default('cpu'),
  /** Threads of the engine; left out: what the machine, affinity and cgroup allow. Never changes a result. */
  threads: positive.max(1024).optional(),
  output: z.string().default('runs/run'),
})

/** A configuration with every default filled in. */
export type TrainingConfig = z.infer<typeof trainingConfigSchema>
/** What a user writes. */
export type TrainingConfigInput = z.input<typeof trainingConfigSchema>
