import { binding, type Moment } from '../binding.js'
import type { shardReader } from './checkpoint-shards.js'
import type { StoredArray } from './stored-arrays.js'
import { asFloats } from './tensor-part.js'

type Reader = Pick<ReturnType<typeof shardReader>, 'read' | 'whole' | 'dtypeOf'>

/**
 * Bytes [from, from + bytes) of an array as the trainer keeps it. Moments that it keeps in 8 bits may lie in the files as float32, and the
 * other way round: processes that share blocks keep a tensor's in float32 where their cuts go through runs that have a scale.
 */
export async function readStored(
  reader: Reader,
  array: StoredArray,
  from: number,
  bytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const found = /^(.*\.(first_moment|second_moment))(\.scale)?$/.exec(array.name)
  if (array.kind !== 'optimizer' || !found) return reader.read(array, from, bytes)
  const [, name = '', which, scale] = found
  const kept = scale ? 'U8' : array.dtype
  const stored = await reader.dtypeOf('optimizer', name)
  if (stored === kept) return reader.read(array, from, bytes)
  const moment: Moment = which === 'first_moment' ? which : 'second_moment'
  const there = await reader.whole('optimizer', name)
  if (kept === 'F32') {
    const wide = binding().widenMoments(moment, there, asFloats(await reader.whole('optimizer', `${name}.scale`)))
    return new Uint8Array(wide.buffer, wide.byteOffset + from, bytes)
  }
  const { codes, scales } = binding().narrowMoments(moment, asFloats(there))
  const { buffer, byteOffset } = scale ? scales : codes
  return new Uint8Array(buffer, byteOffset + from, bytes)
}
