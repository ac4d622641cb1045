import { type Nf4Scales, rowBytes, type TensorInfo } from '@qt/core'
import { decodeBlocks } from '../blocks/decode.js'
import { type ByteSource, openSource } from '../io/source.js'
import { nf4Group, nf4Levels } from './nf4.js'

/** Whole rows of a tensor as numbers; undefined where a row is no whole number of blocks, or only its file knows. */
export async function readTensorRows(
  info: TensorInfo,
  row: number,
  count: number,
): Promise<Float32Array<ArrayBuffer> | undefined> {
  const { type, offset, nf4 } = info
  const columns = info.shape.at(-1)!
  const source = await openSource(info.file)
  if (nf4) {
    const [first, groups] = [(row * columns) / nf4Group, (count * columns) / nf4Group]
    const codes = await source.read(offset + (first * nf4Group) / 2, (groups * nf4Group) / 2)
    return decodeNf4(codes, await readScales(nf4, first, groups, source))
  }
  const width = rowBytes(type, columns)
  return width === undefined ? undefined : decodeBlocks(type, await source.read(offset + row * width, count * width))
}

/** level[code] · scale; the first of two codes is in the high bits. */
function decodeNf4(codes: Uint8Array, scales: Float32Array): Float32Array<ArrayBuffer> {
  const out = new Float32Array(2 * codes.length)
  for (let i = 0; i < codes.length; i++) {
    const scale = scales[Math.floor((2 * i) / nf4Group)]!
    out[2 * i] = nf4Levels[codes[i]! >> 4]! * scale
    out[2 * i + 1] = nf4Levels[codes[i]! & 15]! * scale
  }
  return out
}

async function readScales(
  { scales, nested }: Nf4Scales,
  first: number,
  count: number,
  source: ByteSource,
): Promise<Float32Array> {
  const floats = async (from: number, length: number) => decodeBlocks('F32', await source.read(from, 4 * length))
  if (!nested) return floats(scales + 4 * first, count)
  const { table, block, offset } = nested
  const [begin, end] = [Math.floor(first / block), Math.ceil((first + count) / block)]
  const values = await floats(table, 256)
  const outer = await floats(nested.scales + 4 * begin, end - begin)
  const sum = Math.fround(offset)
  // Product and sum are rounded apart.
  return Float32Array.from(
    await source.read(scales + first, count),
    (byte, i) => Math.fround(values[byte]! * outer[Math.floor((first + i) / block) - begin]!) + sum,
  )
}
