/**
 * Tensor types of GGUF: id, elements per block and bytes per block.
 * Specification: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
export const tensorTypes = {
  F32: { id: 0, blockSize: 1, blockBytes: 4 },
  F16: { id: 1, blockSize: 1, blockBytes: 2 },
  Q4_0: { id: 2, blockSize: 32, blockBytes: 18 },
  Q4_1: { id: 3, blockSize: 32, blockBytes: 20 },
  Q5_0: { id: 6, blockSize: 32, blockBytes: 22 },
  Q5_1: { id: 7, blockSize: 32, blockBytes: 24 },
  Q8_0: { id: 8, blockSize: 32, blockBytes: 34 },
  Q8_1: { id: 9, blockSize: 32, blockBytes: 36 },
  Q2_K: { id: 10, blockSize: 256, blockBytes: 84 },
  Q3_K: { id: 11, blockSize: 256, blockBytes: 110 },
  Q4_K: { id: 12, blockSize: 256, blockBytes: 144 },
  Q5_K: { id: 13, blockSize: 256, blockBytes: 176 },
  Q6_K: { id: 14, blockSize: 256, blockBytes: 210 },
  Q8_K: { id: 15, blockSize: 256, blockBytes: 292 },
  IQ2_XXS: { id: 16, blockSize: 256, blockBytes: 66 },
  IQ2_XS: { id: 17, blockSize: 256, blockBytes: 74 },
  IQ3_XXS: { id: 18, blockSize: 256, blockBytes: 98 },
  IQ1_S: { id: 19, blockSize: 256, blockBytes: 50 },
  IQ4_NL: { id: 20, blockSize: 32, blockBytes: 18 },
  IQ3_S: { id: 21, blockSize: 256, blockBytes: 110 },
  IQ2_S: { id: 22, blockSize: 256, blockBytes: 82 },
  IQ4_XS: { id: 23, blockSize: 256, blockBytes: 136 },
  I8: { id: 24, blockSize: 1, blockBytes: 1 },
  I16: { id: 25, blockSize: 1, blockBytes: 2 },
  I32: { id: 26, blockSize: 1, blockBytes: 4 },
  I64: { id: 27, blockSize: 1, blockBytes: 8 },
  F64: { id: 28, blockSize: 1, blockBytes: 8 },
  IQ1_M: { id: 29, blockSize: 256, blockBytes: 56 },
  BF16: { id: 30, blockSize: 1, blockBytes: 2 },
  TQ1_0: { id: 34, blockSize: 256, blockBytes: 54 },
  TQ2_0: { id: 35, blockSize: 256, blockBytes: 66 },
  MXFP4: { id: 39, blockSize: 32, blockBytes: 17 },
  NVFP4: { id: 40, blockSize: 64, blockBytes: 36 },
  Q1_0: { id: 41, blockSize: 128, blockBytes: 18 },
  Q2_0: { id: 42, blockSize: 64, blockBytes: 18 },
  /** No type of GGUF: bitsandbytes' four bits, as the engine lays them out. */
  NF4: { id: 1000, blockSize: 64, blockBytes: 36 },
  /** No type of GGUF: blocks of a method's own format, whose sizes the metadata of the file gives. */
  OWN: { id: 1001, blockSize: 1, blockBytes: 1 },
} as const

export type TensorType = keyof typeof tensorTypes

/** Of GGUF. */
export const tensorTypeNames = (Object.keys(tensorTypes) as TensorType[]).filter((name) => name !== 'NF4' && name !== 'OWN')

const byId = new Map<number, TensorType>([...tensorTypeNames, 'OWN' as const].map((name) => [tensorTypes[name].id, name]))

/** The name of a type id in GGUF files, or undefined for one this version does not know. */
export const tensorTypeOf = (id: number): TensorType | undefined => byId.get(id)

/** Bytes of one row, or undefined when the row does not divide into whole blocks; of OWN, only its file knows. */
export function rowBytes(type: TensorType, columns: number): number | undefined {
  if (type === 'OWN') return undefined
  const { blockSize, blockBytes } = tensorTypes[type]
  return columns % blockSize === 0 ? (columns / blockSize) * blockBytes : undefined
}

/**
 * A tensor as it lies in a file. `shape` is [rows, columns] in the order of safetensors (outermost first);
 * GGUF's own order is the reverse.
 */
export interface TensorInfo {
  readonly name: string
  readonly type: TensorType
  readonly shape: readonly number[]
  readonly file: string
  readonly offset: number
  readonly bytes: number
  /** Where the scales of a tensor of type NF4 lie. */
  readonly nf4?: Nf4Scales
}

/**
 * bitsandbytes' scales, one for each 64 numbers: float32 from `scales` on; with double quantisation bytes that index a table of 256
 * float32, times a float32 for each `block` of them, plus `offset`. Places are in bytes of `file`.
 */
export interface Nf4Scales {
  readonly file: string
  readonly scales: number
  readonly nested?: { readonly scales: number; readonly table: number; readonly block: number; readonly offset: number }
}
