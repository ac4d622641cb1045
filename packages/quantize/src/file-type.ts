import type { TensorType } from '@qt/core'

/** `general.file_type` of files whose matrices are all of one type (llama_ftype in llama.h). */
export const fileTypes: Partial<Record<TensorType, number>> = {
  F32: 0,
  F16: 1,
  Q4_0: 2,
  Q4_1: 3,
  Q8_0: 7,
  Q5_0: 8,
  Q5_1: 9,
  Q2_K: 10,
  Q3_K: 12,
  Q4_K: 15,
  Q5_K: 17,
  Q6_K: 18,
  BF16: 32,
}

/** `general.quantization_version` (GGML_QNT_VERSION): the layouts of blocks have been the same since 2. */
export const quantizationVersion = 2
