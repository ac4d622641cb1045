import { nearest, type TensorType, usageError } from '@qt/core'

/** llama.cpp's file types: the number in `general.file_type`, and the type of every tensor that the mixture says nothing about. */
export const fileTypes = {
  F32: { id: 0, base: 'F32' },
  F16: { id: 1, base: 'F16' },
  BF16: { id: 32, base: 'BF16' },
  Q8_0: { id: 7, base: 'Q8_0' },
  Q6_K: { id: 18, base: 'Q6_K' },
  Q5_1: { id: 9, base: 'Q5_1' },
  Q5_K_M: { id: 17, base: 'Q5_K' },
  Q5_K_S: { id: 16, base: 'Q5_K' },
  Q5_0: { id: 8, base: 'Q5_0' },
  Q4_1: { id: 3, base: 'Q4_1' },
  Q4_K_M: { id: 15, base: 'Q4_K' },
  Q4_K_S: { id: 14, base: 'Q4_K' },
  Q4_0: { id: 2, base: 'Q4_0' },
  IQ4_NL: { id: 25, base: 'IQ4_NL' },
  IQ4_XS: { id: 30, base: 'IQ4_XS' },
  MXFP4_MOE: { id: 38, base: 'MXFP4' },
  NVFP4: { id: 39, base: 'NVFP4' },
  Q3_K_L: { id: 13, base: 'Q3_K' },
  Q3_K_M: { id: 12, base: 'Q3_K' },
  IQ3_M: { id: 27, base: 'IQ3_S' },
  IQ3_S: { id: 26, base: 'IQ3_S' },
  Q3_K_S: { id: 11, base: 'Q3_K' },
  IQ3_XS: { id: 22, base: 'IQ3_S' },
  IQ3_XXS: { id: 23, base: 'IQ3_XXS' },
  Q2_K: { id: 10, base: 'Q2_K' },
  Q2_K_S: { id: 21, base: 'Q2_K' },
  IQ2_M: { id: 29, base: 'IQ2_S' },
  IQ2_S: { id: 28, base: 'IQ2_XS' },
  IQ2_XS: { id: 20, base: 'IQ2_XS' },
  IQ2_XXS: { id: 19, base: 'IQ2_XXS' },
  Q2_0: { id: 41, base: 'Q2_0' },
  TQ2_0: { id: 37, base: 'TQ2_0' },
  IQ1_M: { id: 31, base: 'IQ1_M' },
  TQ1_0: { id: 36, base: 'TQ1_0' },
  IQ1_S: { id: 24, base: 'IQ1_S' },
  Q1_0: { id: 40, base: 'Q1_0' },
} as const satisfies Record<string, { id: number; base: TensorType }>

export type FileType = keyof typeof fileTypes

/** Names that llama.cpp takes, too. */
const aliases: Record<string, FileType> = { Q3_K: 'Q3_K_M', Q4_K: 'Q4_K_M', Q5_K: 'Q5_K_M', MXFP4: 'MXFP4_MOE' }

const isFileType = (name: string): name is FileType => Object.hasOwn(fileTypes, name)

export const fileTypeNames = Object.keys(fileTypes).filter(isFileType)

/**
 * A file type by its name in any case; Q4_K means Q4_K_M, as in llama.cpp.
 *
 * @example
 * ```ts
 * fileTypeNamed('q4_k') // 'Q4_K_M'
 * ```
 */
export function fileTypeNamed(name: string): FileType {
  const upper = name.toUpperCase()
  const found = aliases[upper] ?? upper
  if (isFileType(found)) return found
  const close = nearest(upper, fileTypeNames)
  throw usageError('QUANT_TYPE_UNKNOWN', `There is no file type ${name}; there are ${fileTypeNames.join(', ')}.`, {
    where: { field: 'type' },
    actions: [close === undefined ? 'Use Q4_K_M (small) or Q8_0 (nearly lossless).' : `Did you mean ${close}?`],
  })
}

/** `general.quantization_version` (GGML_QNT_VERSION): the layouts of blocks have been the same since 2. */
export const quantizationVersion = 2
