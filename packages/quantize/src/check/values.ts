import { rowBytes, type TensorInfo, tensorTypes } from '@qt/core'
import { decodableTypes, decodeBlocks, type Gguf } from '@qt/weights'
import { binding } from '../binding.js'
import { wholeRows } from '../whole-rows.js'

/** The position of the first number of a tensor that is not finite, −1 when all are; `unknown` when its type cannot be decoded. */
export async function firstNotFinite(gguf: Gguf, tensor: TensorInfo, signal?: AbortSignal): Promise<number | 'unknown'> {
  const { name, type, shape } = tensor
  const find = finderOf(tensor)
  if (find === undefined) return 'unknown'
  let start = 0
  const { blockSize, blockBytes } = tensorTypes[type]
  for await (const rows of wholeRows(gguf.stream(name), rowBytes(type, shape.at(-1) ?? 1) ?? blockBytes)) {
    signal?.throwIfAborted()
    const position = find(rows)
    if (position >= 0) return start + position
    start += (rows.length / blockBytes) * blockSize
  }
  return -1
}

function finderOf({ type }: TensorInfo): ((rows: Uint8Array) => number) | undefined {
  if (/^I\d+$/.test(type)) return () => -1
  const native = binding()
  if (!(native instanceof Error) && native.decodable(tensorTypes[type].id))
    return (rows) => native.firstNotFinite(tensorTypes[type].id, rows)
  if (!decodableTypes.includes(type)) return undefined
  return (rows) => decodeBlocks(type, rows).findIndex((value) => !Number.isFinite(value))
}
