import { type TensorType, tensorTypes, usageError } from '@qt/core'
import { decodeBF16 } from './bf16.js'
import type { BlockDecoder } from './decoder.js'
import { decodeF16 } from './f16.js'
import { decodeF32 } from './f32.js'
import { decodeIQ1_M } from './iq1_m.js'
import { decodeIQ1_S } from './iq1_s.js'
import { decodeIQ2_S } from './iq2_s.js'
import { decodeIQ2_XS } from './iq2_xs.js'
import { decodeIQ2_XXS } from './iq2_xxs.js'
import { decodeIQ3_S } from './iq3_s.js'
import { decodeIQ3_XXS } from './iq3_xxs.js'
import { decodeIQ4_NL } from './iq4_nl.js'
import { decodeIQ4_XS } from './iq4_xs.js'
import { decodeMXFP4 } from './mxfp4.js'
import { decodeNVFP4 } from './nvfp4.js'
import { decodeQ1_0 } from './q1_0.js'
import { decodeQ2_0 } from './q2_0.js'
import { decodeQ2_K } from './q2_k.js'
import { decodeQ3_K } from './q3_k.js'
import { decodeQ4_0 } from './q4_0.js'
import { decodeQ4_1 } from './q4_1.js'
import { decodeQ4_K } from './q4_k.js'
import { decodeQ5_0 } from './q5_0.js'
import { decodeQ5_1 } from './q5_1.js'
import { decodeQ5_K } from './q5_k.js'
import { decodeQ6_K } from './q6_k.js'
import { decodeQ8_0 } from './q8_0.js'
import { decodeQ8_K } from './q8_k.js'
import { decodeTQ1_0 } from './tq1_0.js'
import { decodeTQ2_0 } from './tq2_0.js'

const decoders: Partial<Record<TensorType, BlockDecoder>> = {
  F32: decodeF32,
  F16: decodeF16,
  BF16: decodeBF16,
  Q4_0: decodeQ4_0,
  Q4_1: decodeQ4_1,
  Q5_0: decodeQ5_0,
  Q5_1: decodeQ5_1,
  Q8_0: decodeQ8_0,
  Q2_K: decodeQ2_K,
  Q3_K: decodeQ3_K,
  Q4_K: decodeQ4_K,
  Q5_K: decodeQ5_K,
  Q6_K: decodeQ6_K,
  Q8_K: decodeQ8_K,
  IQ4_NL: decodeIQ4_NL,
  IQ4_XS: decodeIQ4_XS,
  IQ3_S: decodeIQ3_S,
  IQ3_XXS: decodeIQ3_XXS,
  IQ2_S: decodeIQ2_S,
  IQ2_XS: decodeIQ2_XS,
  IQ2_XXS: decodeIQ2_XXS,
  IQ1_M: decodeIQ1_M,
  IQ1_S: decodeIQ1_S,
  TQ1_0: decodeTQ1_0,
  TQ2_0: decodeTQ2_0,
  MXFP4: decodeMXFP4,
  NVFP4: decodeNVFP4,
  Q1_0: decodeQ1_0,
  Q2_0: decodeQ2_0,
}

export const decodableTypes = Object.keys(decoders) as readonly TensorType[]

/**
 * The numbers that whole blocks of a tensor type stand for.
 *
 * @example
 * ```ts
 * const gguf = await readGguf('model.gguf')
 * for (const { name, type } of gguf.tensors.values()) decodeBlocks(type, await gguf.read(name)) // Float32Array
 * ```
 */
export function decodeBlocks(type: TensorType, bytes: Uint8Array): Float32Array<ArrayBuffer> {
  const decode = decoders[type]
  if (decode === undefined)
    throw usageError(
      'TYPE_UNSUPPORTED',
      `Tensors of type ${type} cannot be decoded here yet; ${decodableTypes.join(', ')} can.`,
      {
        actions: ['Use a float or quantised file of the same model.'],
      },
    )
  const { blockSize, blockBytes } = tensorTypes[type]
  const blocks = bytes.length / blockBytes
  if (!Number.isInteger(blocks)) throw usageError('TYPE_LENGTH', `${bytes.length} bytes are not whole blocks of ${type}.`)
  const out = new Float32Array(blocks * blockSize)
  decode(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, blocks, out, 0)
  return out
}
