import { type TensorType, tensorTypes } from '@qt/core'

/** What llama.cpp stores instead where rows do not divide into blocks (llama-quant.cpp); it refuses those of Q1_0. */
const narrower: Partial<Record<TensorType, TensorType>> = {
  Q2_K: 'Q4_0',
  Q3_K: 'Q4_0',
  TQ1_0: 'Q4_0',
  TQ2_0: 'Q4_0',
  Q1_0: 'Q4_0',
  Q2_0: 'Q4_0',
  Q4_K: 'Q5_0',
  Q5_K: 'Q5_1',
  Q6_K: 'Q8_0',
  IQ1_S: 'IQ4_NL',
  IQ1_M: 'IQ4_NL',
  IQ2_XXS: 'IQ4_NL',
  IQ2_XS: 'IQ4_NL',
  IQ2_S: 'IQ4_NL',
  IQ3_XXS: 'IQ4_NL',
  IQ3_S: 'IQ4_NL',
  IQ4_XS: 'IQ4_NL',
}

/**
 * The type that rows of so many columns can have: the one asked for, its stand-in of smaller blocks, or F16.
 *
 * @example
 * ```ts
 * typeForRows('Q4_K', 576) // 'Q5_0': 576 is 18 blocks of 32 but no whole number of blocks of 256
 * ```
 */
export function typeForRows(type: TensorType, columns: number): TensorType {
  const divides = (candidate: TensorType) => columns % tensorTypes[candidate].blockSize === 0
  if (divides(type)) return type
  const smaller = narrower[type]
  return smaller !== undefined && divides(smaller) ? smaller : 'F16'
}
