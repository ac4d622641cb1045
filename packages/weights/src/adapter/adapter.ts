/** The two factors of one projection. Rows of `b` of q and k are in the order of the model's file (spec.rope.layout). */
export interface AdapterModule {
  /** [rank, inputs], row by row. */
  readonly a: Float32Array
  /** [outputs, rank], row by row. */
  readonly b: Float32Array
  readonly rank: number
  readonly alpha: number
  /** alpha / rank, or alpha / √rank when rank-stabilised: W + scale · b · a. */
  readonly scale: number
  /** DoRA's length of each output row: diag(m / ‖W + scale · b · a‖) · (W + scale · b · a). In the order of `b`'s rows. */
  readonly magnitude?: Float32Array
}

/** The embedding, and the output layer: as two matrices even where the base ties them. */
export const savedModules = ['token_embd.weight', 'output.weight'] as const
export type SavedModule = (typeof savedModules)[number]

/** A PEFT adapter in memory. */
export interface Adapter {
  readonly kind: 'lora' | 'dora'
  readonly rank: number
  readonly alpha: number
  readonly dropout: number
  readonly rankStabilised: boolean
  /** As in adapter_config.json: q_proj, v_proj … */
  readonly targets: readonly string[]
  /** By canonical name: `blk.0.attn_q.weight`. */
  readonly modules: ReadonlyMap<string, AdapterModule>
  /** Matrices that stand in for the base's own, [vocabulary, width], row by row: PEFT's `modules_to_save`. */
  readonly saved?: ReadonlyMap<SavedModule, Float32Array>
}

export const adapterScale = (rank: number, alpha: number, rankStabilised: boolean): number =>
  alpha / (rankStabilised ? Math.sqrt(rank) : rank)
