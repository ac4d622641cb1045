import { type QtError, type TensorType, usageError } from '@qt/core'
import type { FileType } from './mixture/file-types.js'

const always: readonly TensorType[] = ['IQ3_XXS', 'IQ2_XXS', 'IQ2_XS', 'IQ2_S', 'IQ1_M', 'IQ1_S']

/** Below about three bits the result is useless unless errors are weighed; embeddings and output have no importance. */
export const requiresImportance = (name: string, type: TensorType, fileType: FileType): boolean =>
  !['token_embd.weight', 'per_layer_token_embd.weight', 'output.weight'].includes(name) &&
  (always.includes(type) || (type === 'Q2_K' && fileType === 'Q2_K_S'))

export const refuseImportance = (name: string, type: TensorType, file: string): QtError =>
  usageError('QUANT_IMPORTANCE_MISSING', `${type} needs the importance of ${name}; without it the result would be useless.`, {
    where: { file, field: name },
    actions: ['Give an importance matrix of this model: --imatrix FILE.', 'Or choose a type of more bits, such as Q3_K_M.'],
  })
