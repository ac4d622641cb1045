import type { ModelSpec, TensorInfo } from '@qt/core'
import type { MetadataValue } from '../gguf/metadata.js'
import type { ModelDescription } from './build-spec.js'

/** A model on disk: what it is and where each of its tensors lies. Nothing of its weights is in memory. */
export interface Model {
  /** The GGUF file, or the folder. */
  readonly path: string
  readonly kind: 'gguf' | 'hf'
  readonly name: string
  readonly spec: ModelSpec
  /** By canonical name (`blk.0.attn_q.weight`), rows in the order of the file (see spec.rope.layout). */
  readonly tensors: ReadonlyMap<string, TensorInfo>
  /** Of a GGUF file. */
  readonly metadata?: ReadonlyMap<string, MetadataValue>
  /** The GGUF file itself, or the folder's tokenizer.json. */
  readonly tokenizerFile: string | undefined
  readonly description: ModelDescription
}
