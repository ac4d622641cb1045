import type { FloatType } from '../blocks/encode.js'
import { requireOther } from '../io/require-other.js'
import { openModel } from '../model/open-model.js'
import { type WriteProgress, type WrittenModel, writeModel } from './write-model.js'

export interface ConvertOptions {
  /** Of the matrices; norms stay F32 in GGUF. Left out: BF16 stays BF16, everything else becomes F16 in GGUF; a folder keeps floats and gets F32 from quantised weights. */
  readonly type?: FloatType | undefined
  readonly onProgress?: ((progress: WriteProgress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Converts between Hugging Face folders and GGUF files (an output that ends in `.gguf`), with vocabulary, chat template
 * and special tokens.
 *
 * @example
 * ```ts
 * await convert('merged/', 'model-f16.gguf')
 * await convert('model-f16.gguf', 'folder/', { type: 'F32' })
 * ```
 */
export async function convert(input: string, output: string, options: ConvertOptions = {}): Promise<WrittenModel> {
  await requireOther(input, output)
  return writeModel(await openModel(input, { signal: options.signal }), output, options)
}
