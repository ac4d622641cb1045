import { type QtError, type TensorType, usageError } from '@qt/core'
import { type FileType, fileTypes } from './mixture/file-types.js'

const always: readonly TensorType[] = ['IQ3_XXS', 'IQ2_XXS', 'IQ2_XS', 'IQ2_S', 'IQ1_M', 'IQ1_S']

/** Below about three bits the result is useless unless errors are weighed; embeddings and output have no importance. */
export const requiresImportance = (name: string, type: TensorType, fileType: FileType): boolean =>
  !['token_embd.weight', 'per_layer_token_embd.weight', 'output.weight'].includes(name) &&
  (always.includes(type) || (type === 'Q2_K' && fileType === 'Q2_K_S'))

/**
 * Whether a file type gives such types to some tensors, so that it cannot be made without an importance matrix.
 *
 * @example
 * ```ts
 * fileTypeNames.filter((type) => !needsImportance(type)) // ['F32', 'F16', 'BF16', 'Q8_0', …]
 * ```
 */
export const needsImportance = (fileType: FileType): boolean =>
  // IQ3_XS has them for keys, queries and the layers between.
  fileType === 'Q2_K_S' || fileType === 'IQ3_XS' || always.includes(fileTypes[fileType].base)

export const refuseImportance = (name: string, type: TensorType, file: string): QtError =>
  usageError('QUANT_IMPORTANCE_MISSING', `${type} needs the importance of ${name}; without it the result would be useless.`, {
    where: { file, field: name },
    actions: ['Give an importance matrix of this model: --imatrix FILE.', 'Or choose a type of more bits, such as Q3_K_M.'],
  })
