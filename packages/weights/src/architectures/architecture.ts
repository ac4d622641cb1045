import type { ModelSpec } from '@qt/core'

/** A size of the model that tensor shapes are made of. */
export type Size = 'vocabulary' | 'model' | 'attention' | 'keys' | 'ffn' | 'headDim'

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
}

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
  }
  readonly gguf: {
    /** How the rows of q and k lie, which decides how rope is applied. */
    readonly ropeLayout: ModelSpec['rope']['layout']
    /** Metadata keys without their `{name}.` prefix, and the values that this table implements. */
    readonly accepted: Readonly<Record<string, readonly unknown[]>>
    readonly ignored: readonly RegExp[]
  }
  /** Values of ModelSpec that do not come from configuration. */
  readonly fixed: {
    readonly normOffset: 0 | 1
    readonly postNorms: boolean
    readonly qkNorm: boolean
    readonly attentionBias: boolean
    readonly embeddingScale: 'one' | 'sqrtModel'
  }
  /** Names of `hidden_act` and what they are. */
  readonly activations: Readonly<Record<string, ModelSpec['activation']>>
  /** The activation of GGUF files, which do not name it. */
  readonly activation: ModelSpec['activation']
  readonly tensors: readonly TensorEntry[]
  readonly blockTensors: readonly TensorEntry[]
}
