import type { ModelSpec } from '@qt/core'
import type { RopeScaling } from '../model/rope.js'

/** A size of the model that tensor shapes are made of. */
export type Size = 'vocabulary' | 'model' | 'attention' | 'keys' | 'ffn' | 'headDim' | 'queriesKeysValues' | 'gateAndUp'

export interface TensorEntry {
  /** Canonical (GGUF) name; inside a block without its `blk.N.` prefix. */
  readonly name: string
  /** Hugging Face name; inside a block without its `model.layers.N.` prefix. */
  readonly huggingFace: string
  /** [rows, columns], or [length]. */
  readonly shape: readonly Size[]
  /** GGUF's rows are those of Hugging Face with each head's two rotary halves interleaved. */
  readonly permuted?: 'heads' | 'kvHeads'
  /** A norm's weight: one more in GGUF than in Hugging Face (Gemma stores w of 1 + w). */
  readonly plusOne?: boolean
  /** May be absent, which ties it to the token embedding. */
  readonly tied?: boolean
  /** The projections that lie in this one tensor, their rows one after the other. */
  readonly parts?: readonly TensorEntry[]
}

/**
 * Which layers see a window only: none, all, those from `max_window_layers` on when `use_sliding_window` says so, or all but every
 * n-th. A config's `layer_types` goes first.
 */
export type WindowRule = 'none' | 'all' | 'late' | { readonly fullEvery: number }

/**
 * Everything that is particular to an architecture, as data. Adding one is adding a table like this and its
 * parity test; code that asks for an architecture's name has no place elsewhere.
 */
export interface Architecture {
  /** GGUF's `general.architecture`, and the prefix of its metadata keys. */
  readonly name: string
  readonly huggingFace: {
    /** Names in `architectures` of config.json that this table reads; the first is written. */
    readonly classes: readonly string[]
    readonly modelType: string
    /** Values that transformers assumes for keys that config.json leaves out. */
    readonly defaults: Readonly<Record<string, unknown>>
    /** Keys that change the arithmetic, with the values that this table implements; anything else is refused by name. */
    readonly accepted: Readonly<Record<string, readonly unknown[]>>
    /** Tensors that files may hold and nobody needs, as patterns. */
    readonly ignored: readonly RegExp[]
    readonly activationKey: 'hidden_act' | 'hidden_activation'
  }
  readonly gguf: {
    /** How the rows of q and k lie, which decides how rope is applied. */
    readonly ropeLayout: ModelSpec['rope']['layout']
    /** Metadata keys without their `{name}.` prefix, and the values that this table implements. */
    readonly accepted: Readonly<Record<string, readonly unknown[]>>
    readonly ignored: readonly RegExp[]
    /** Rope scalings that llama.cpp applies to this architecture. */
    readonly scalings: readonly RopeScaling['kind'][]
    /** This table and no other of the same name: files that have this key. */
    readonly onlyWith?: string
    /** Of the model with so many layers llama.cpp scales scores by 1/√(model/heads), of all others by 1/√headDim. */
    readonly scaleOfModelAt?: number
    /** llama.cpp takes the embedding for the output, and refuses a file that has another. */
    readonly alwaysTied?: boolean
  }
  /** Values of ModelSpec that do not come from configuration. */
  readonly fixed: {
    readonly normOffset: 0 | 1
    readonly postNorms: boolean
    readonly qkNorm: boolean
    readonly attentionBias: boolean
    readonly embeddingScale: 'one' | 'sqrtModel'
  }
  readonly windows: WindowRule
  /** Layers with a window have a rope of their own: its base where a file does not say it (Gemma 3). */
  readonly localTheta?: number
  /** Every n-th layer has no rope (SmolLM3). */
  readonly noRopeEvery?: number
  /** Caps that configs may ask for, and what transformers assumes. */
  readonly softcaps?: { readonly attention: number | null; readonly logits: number | null }
  /** The scale of scores is 1/√query_pre_attn_scalar, of which this is the default. */
  readonly queryScalar?: number
  /** Names of `hidden_act` and what they are. */
  readonly activations: Readonly<Record<string, ModelSpec['activation']>>
  /** The activation of GGUF files, which do not name it. */
  readonly activation: ModelSpec['activation']
  readonly tensors: readonly TensorEntry[]
  readonly blockTensors: readonly TensorEntry[]
}
