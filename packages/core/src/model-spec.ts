import { z } from 'zod'

const positive = z.number().int().positive()

const ropeBase = z.strictObject({ frequencies: z.array(z.number()), attentionFactor: z.number().default(1) })

/**
 * What an engine must know of a model, as data: one table per architecture fills it in (`@qt/weights`).
 * An engine refuses, by name, a value that it does not implement.
 */
export const modelSpecSchema = z.strictObject({
  /** GGUF's name: llama, qwen2, gemma3 … */
  architecture: z.string(),
  vocabularySize: positive,
  contextLength: positive,
  layers: positive,
  dModel: positive,
  heads: positive,
  kvHeads: positive,
  headDim: positive,
  ffn: positive,
  norm: z.strictObject({
    kind: z.literal('rms'),
    epsilon: z.number().positive(),
    /** Gemma stores weights as 1 + w; GGUF files have the one already added. */
    offset: z.union([z.literal(0), z.literal(1)]).default(0),
    /** Norms after attention and feed-forward as well (Gemma 2, 3). */
    post: z.boolean().default(false),
  }),
  rope: z.strictObject({
    /** `interleaved` rotates (0,1), (2,3) … as GGUF's llama tensors lie; `halves` rotates (0,d/2) … as HF's do. */
    layout: z.enum(['interleaved', 'halves']),
    /** Rotated dimensions of each head; the rest passes through. */
    dimensions: positive,
    /** Radians per position of each pair, scaling (llama3, linear, yarn …) already applied. */
    frequencies: z.array(z.number()),
    /** Factor on cos and sin (yarn, longrope). */
    attentionFactor: z.number().default(1),
    /** Ropes besides this one (the local one of Gemma 3). */
    others: z.array(ropeBase).default([]),
    /** The rope of each layer: 0 this one, 1 the first of `others` …, null none (some layers of SmolLM3). Left out: 0 everywhere. */
    ofLayer: z.array(z.number().int().nonnegative().nullable()).optional(),
    /** What takes the place of this one in texts of more than `beyond` tokens (longrope). */
    long: ropeBase.extend({ beyond: positive }).nullable().default(null),
  }),
  attention: z.strictObject({
    /** Factor on q·k. */
    scale: z.number(),
    /** Sliding window of each layer, null for full attention; left out: full everywhere. */
    windows: z.array(positive.nullable()).optional(),
    softcap: z.number().positive().nullable().default(null),
    qkNorm: z.boolean().default(false),
    /** Biases of q, k and v. */
    bias: z.boolean().default(false),
  }),
  activation: z.enum(['silu', 'gelu']),
  embeddingScale: z.number().default(1),
  logitScale: z.number().default(1),
  logitSoftcap: z.number().positive().nullable().default(null),
  tiedEmbeddings: z.boolean(),
})

export type ModelSpec = z.infer<typeof modelSpecSchema>

/** The spec for texts of up to so many tokens: longrope has other frequencies beyond its original context. */
export function specForLength(spec: ModelSpec, tokens: number): ModelSpec {
  const { long } = spec.rope
  if (long === null || tokens <= long.beyond) return spec
  return { ...spec, rope: { ...spec.rope, frequencies: long.frequencies, attentionFactor: long.attentionFactor, long: null } }
}

/** The projections of a block that adapters can sit on, under GGUF's names. */
export const projections = ['attn_q', 'attn_k', 'attn_v', 'attn_output', 'ffn_gate', 'ffn_up', 'ffn_down'] as const
export type Projection = (typeof projections)[number]

/** [rows (outputs), columns (inputs)] of a projection. */
export function projectionShape(spec: ModelSpec, projection: Projection): readonly [number, number] {
  const attention = spec.heads * spec.headDim
  const keys = spec.kvHeads * spec.headDim
  switch (projection) {
    case 'attn_q':
      return [attention, spec.dModel]
    case 'attn_k':
    case 'attn_v':
      return [keys, spec.dModel]
    case 'attn_output':
      return [spec.dModel, attention]
    case 'ffn_gate':
    case 'ffn_up':
      return [spec.ffn, spec.dModel]
    case 'ffn_down':
      return [spec.dModel, spec.ffn]
  }
}

/** `blk.3.attn_q.weight`: the name of a block's tensor, GGUF's and the engine's. */
export const blockTensor = (layer: number, part: string): string => `blk.${layer}.${part}.weight`
