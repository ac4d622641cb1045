import { QtError, type TensorType, tensorTypes } from '@qt/core'
import { encodeText } from '../io/text.js'
import { bytesAsTheyLie } from './array-as-it-lies.js'
import { magic } from './header.js'
import { type MetadataArray, type MetadataType, type MetadataValue, metadataTypes } from './metadata.js'

interface PlacedTensor {
  readonly name: string
  readonly type: TensorType
  readonly shape: readonly number[]
  readonly offset: number
}

/** The header's bytes, before padding. */
export function encodeHeader(metadata: ReadonlyMap<string, MetadataValue>, tensors: readonly PlacedTensor[]): Uint8Array {
  const out = new ByteWriter()
  out.u32(magic)
  out.u32(3)
  out.u64(tensors.length)
  out.u64(metadata.size)
  for (const [key, value] of metadata) {
    out.string(key)
    out.u32(metadataTypes[value.type])
    writeValue(out, key, value)
  }
  const seen = new Set<string>()
  for (const { name, type, shape, offset } of tensors) {
    if (seen.has(name)) throw new QtError({ code: 'TENSOR_TWICE', message: `The tensor ${name} would be written twice.` })
    seen.add(name)
    out.string(name)
    out.u32(shape.length)
    for (const size of shape.toReversed()) out.u64(size)
    out.u32(tensorTypes[type].id)
    out.u64(offset)
  }
  return out.finish()
}

function writeValue(out: ByteWriter, key: string, value: MetadataValue): void {
  if (value.type === 'ARRAY') writeArray(out, key, value)
  else writeScalar(out, key, value.type, value.value)
}

function writeArray(out: ByteWriter, key: string, array: MetadataArray): void {
  const bytes = bytesAsTheyLie(array)
  if (bytes) return out.bytes(bytes)
  out.u32(metadataTypes[array.of])
  out.u64(array.value.length)
  if (array.of === 'ARRAY') for (const item of array.value) writeArray(out, key, item)
  else for (const item of array.value) writeScalar(out, key, array.of, item)
}

const limits = {
  UINT8: [0, 0xff],
  INT8: [-0x80, 0x7f],
  UINT16: [0, 0xffff],
  INT16: [-0x8000, 0x7fff],
  UINT32: [0, 0xffffffff],
  INT32: [-0x80000000, 0x7fffffff],
  UINT64: [0n, 0xffffffffffffffffn],
  INT64: [-0x8000000000000000n, 0x7fffffffffffffffn],
} as const

function writeScalar(
  out: ByteWriter,
  key: string,
  type: Exclude<MetadataType, 'ARRAY'>,
  value: number | bigint | boolean | string,
): void {
  const wrong = () =>
    new QtError({ code: 'METADATA_VALUE', message: `The value ${value} of ${key} does not fit the type ${type}.` })
  if (type === 'STRING' || type === 'BOOL') {
    if (typeof value === 'string' && type === 'STRING') return out.string(value)
    if (typeof value === 'boolean' && type === 'BOOL') return out.u8(value ? 1 : 0)
    throw wrong()
  }
  if (type === 'FLOAT32' || type === 'FLOAT64') {
    if (typeof value !== 'number') throw wrong()
    return type === 'FLOAT32' ? out.f32(value) : out.f64(value)
  }
  const [least, most] = limits[type]
  if (type === 'UINT64' || type === 'INT64') {
    if (typeof value !== 'bigint' || value < least || value > most) throw wrong()
    return out.big(BigInt.asUintN(64, value))
  }
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) throw wrong()
  if (type === 'UINT8' || type === 'INT8') return out.u8(value)
  return type === 'UINT16' || type === 'INT16' ? out.u16(value) : out.u32(value)
}

/** Little-endian bytes into a buffer that grows. */
class ByteWriter {
  private written = new Uint8Array(64 * 1024)
  private view = new DataView(this.written.buffer)
  private length = 0

  private reserve(count: number): number {
    const at = this.length
    this.length += count
    if (this.length > this.written.length) {
      const larger = new Uint8Array(Math.max(this.length, this.written.length * 2))
      larger.set(this.written)
      this.written = larger
      this.view = new DataView(larger.buffer)
    }
    return at
  }

  u8(value: number): void {
    const at = this.reserve(1)
    this.view.setUint8(at, value)
  }

  u16(value: number): void {
    const at = this.reserve(2)
    this.view.setUint16(at, value, true)
  }

  u32(value: number): void {
    const at = this.reserve(4)
    this.view.setUint32(at, value, true)
  }

  u64(value: number): void {
    if (!(Number.isSafeInteger(value) && value >= 0)) throw new RangeError(`${value} is no count or size.`)
    const at = this.reserve(8)
    this.view.setUint32(at, value % 2 ** 32, true)
    this.view.setUint32(at + 4, Math.floor(value / 2 ** 32), true)
  }

  big(value: bigint): void {
    const at = this.reserve(8)
    this.view.setBigUint64(at, value, true)
  }

  f32(value: number): void {
    const at = this.reserve(4)
    this.view.setFloat32(at, value, true)
  }

  f64(value: number): void {
    const at = this.reserve(8)
    this.view.setFloat64(at, value, true)
  }

  string(value: string): void {
    const text = encodeText(value)
    this.u64(text.length)
    this.bytes(text)
  }

  bytes(bytes: Uint8Array): void {
    const at = this.reserve(bytes.length)
    this.written.set(bytes, at)
  }

  finish(): Uint8Array {
    return this.written.subarray(0, this.length)
  }
}
