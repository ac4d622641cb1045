import type { TensorType } from '@qt/core'

/** Element types of safetensors with their bits. https://huggingface.co/docs/safetensors */
export const dtypeBits = {
  F64: 64,
  F32: 32,
  F16: 16,
  BF16: 16,
  F8_E4M3: 8,
  F8_E5M2: 8,
  I64: 64,
  I32: 32,
  I16: 16,
  I8: 8,
  U64: 64,
  U32: 32,
  U16: 16,
  U8: 8,
  BOOL: 8,
} as const

export type Dtype = keyof typeof dtypeBits

export const isDtype = (name: unknown): name is Dtype => typeof name === 'string' && Object.hasOwn(dtypeBits, name)

const shared = ['F64', 'F32', 'F16', 'BF16', 'I64', 'I32', 'I16', 'I8'] as const

/** The tensor type with the same bytes, or undefined when an engine has none (F8, unsigned, BOOL). */
export const tensorTypeOfDtype = (dtype: Dtype): TensorType | undefined => shared.find((name) => name === dtype)

/** The dtype that holds a tensor type's bytes, or undefined for block types. */
export const dtypeOfTensorType = (type: TensorType): Dtype | undefined => shared.find((name) => name === type)
