import type { TensorType } from '@qt/core'
import type { Metadata } from '@qt/weights'
import type { Importance } from './importance/importance.js'
import type { QuantFormat } from './method.js'
import type { MixtureOptions } from './mixture/mixture.js'

export interface PlanOptions extends Omit<MixtureOptions, 'importance'> {
  /** A file type of llama.cpp, such as Q4_K_M or Q8_0. Left out: the most precise one that fits `maxBytes`. */
  readonly type?: string | undefined
  /** The most that the file may take; an error when it cannot be kept. */
  readonly maxBytes?: number | undefined
  /** Types by tensor name, made by a planner: what is not named stays as it is. Instead of `type`. */
  readonly types?: ReadonlyMap<string, TensorType> | undefined
  /** Also quantise what is quantised already, which loses precision twice. */
  readonly requantize?: boolean | undefined
  /** What errors weigh; see `readImportance`. */
  readonly importance?: Importance | undefined
  /** Only the importance of weights whose names contain one of these. */
  readonly includeWeights?: readonly string[] | undefined
  /** Not the importance of weights whose names contain one of these. */
  readonly excludeWeights?: readonly string[] | undefined
  /** Layers to leave out; those after them are renumbered. */
  readonly pruneLayers?: readonly number[] | undefined
  /** Metadata of the result that replaces or joins that of the source. */
  readonly metadata?: Metadata | undefined
  /** Encodes the tensors of its type instead of the built-in method; without a type every matrix, in its own format, or decodes them. */
  readonly method?: (QuantFormat & { readonly type?: TensorType }) | undefined
  /** A split model stays split in the same way: OUT-00001-of-0000N.gguf. */
  readonly keepSplit?: boolean | undefined
}
