import { type TensorType, tensorTypes } from '@qt/core'
import { type GgufTensor, readGguf, writeGguf } from '@qt/weights'
import { hashed } from './architectures.js'

/** Where a block has its half-precision scales; other bytes may be anything. */
const scales: Partial<Record<TensorType, readonly number[]>> = {
  Q4_0: [0],
  Q4_1: [0, 2],
  Q5_0: [0],
  Q5_1: [0, 2],
  Q8_0: [0],
  Q2_K: [80, 82],
  Q3_K: [108],
  Q4_K: [0, 2],
  Q5_K: [0, 2],
  Q6_K: [208],
  IQ4_NL: [0],
  IQ4_XS: [0],
  IQ2_XXS: [0],
  IQ2_XS: [0],
  IQ2_S: [0],
  IQ3_XXS: [0],
  IQ3_S: [0],
  IQ1_S: [0],
  TQ1_0: [52],
  TQ2_0: [64],
  Q1_0: [0],
  Q2_0: [0],
  MXFP4: [],
}

/** The largest whole number that a block's scale multiplies, so that weights come out below about 0.2. */
const largest: Partial<Record<TensorType, number>> = {
  Q8_0: 128,
  Q2_K: 45,
  Q3_K: 128,
  Q4_K: 945,
  Q5_K: 1953,
  Q6_K: 4096,
  IQ4_NL: 127,
  IQ4_XS: 4064,
  IQ2_XXS: 170,
  IQ2_XS: 170,
  IQ2_S: 170,
  IQ3_XXS: 500,
  IQ3_S: 500,
}

/** A half float of about 0.2/n. */
function scaleOf(n: number): number {
  const exponent = Math.max(-14, Math.floor(Math.log2(0.2 / n)))
  return (exponent + 15) << 10
}

/** Random blocks. */
function blocks(type: TensorType, name: string, count: number): Uint8Array {
  const { blockBytes } = tensorTypes[type]
  const bytes = Uint8Array.from(hashed(name, count * blockBytes), (bits) => bits >>> 24)
  const view = new DataView(bytes.buffer)
  for (let block = 0; block < count; block++) {
    for (const at of scales[type] ?? []) view.setUint16(block * blockBytes + at, scaleOf(largest[type] ?? 16), true)
    // MXFP4: an exponent of two for 32 numbers up to 6.
    if (type === 'MXFP4') bytes[block * blockBytes] = 127 - 5
  }
  return bytes
}

export const blockTypes = Object.keys(scales) as TensorType[]

/** Writes a GGUF file again with random blocks for its matrices. */
export async function withBlocks(file: string, type: TensorType, output: string): Promise<string> {
  const gguf = await readGguf(file)
  const tensors: GgufTensor[] = []
  for (const [name, info] of gguf.tensors) {
    const matrix = info.shape.length === 2
    const count = info.shape.reduce((product, size) => product * size, 1) / tensorTypes[type].blockSize
    const data = matrix ? blocks(type, name, count) : await gguf.read(name)
    tensors.push({ name, type: matrix ? type : info.type, shape: info.shape, data })
  }
  await writeGguf(output, { metadata: gguf.metadata, tensors })
  return output
}

/** Relative to b, where that is not zero: soft caps can take every gradient away. */
export function distance(a: Float32Array, b: Float32Array): number {
  const size = Math.hypot(...b)
  return Math.sqrt(a.reduce((sum, x, i) => sum + (x - b[i]!) ** 2, 0)) / (size === 0 ? 1 : size)
}
