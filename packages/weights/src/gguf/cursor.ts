import { usageError } from '@qt/core'
import { decodeText } from '../io/text.js'
import { arrayAsItLies } from './array-as-it-lies.js'
import {
  type BigType,
  type MetadataArray,
  type MetadataType,
  type MetadataValue,
  metadataTypeOf,
  type NumberType,
} from './metadata.js'

/** Thrown when the part of the file in memory ends before the header does; the reader then fetches more. */
export class NeedMore extends Error {
  constructor(readonly upTo: number) {
    super(`header continues to byte ${upTo}`)
  }
}

export const malformed = (file: string, what: string, field?: string) =>
  usageError('GGUF_MALFORMED', `This is not a valid GGUF file: ${what}.`, {
    where: { file, ...(field === undefined ? {} : { field }) },
    actions: ['Download or export the file again.', 'Check that it was not cut off or edited.'],
  })

/** Deeper than any real file; each level costs the file 12 bytes, so depth is bounded by choice, not by size. */
const deepestArray = 4

/** Of strings, numbers and entries in one header; the largest vocabularies need a tenth. Bounds time and memory on hostile files. */
const mostItems = 2 ** 22

/** Of one string; the longest in real files are chat templates of a few hundred kilobytes. */
const longestString = 2 ** 24

const bytesOf: Readonly<Record<MetadataType, number>> = {
  UINT8: 1,
  INT8: 1,
  BOOL: 1,
  UINT16: 2,
  INT16: 2,
  UINT32: 4,
  INT32: 4,
  FLOAT32: 4,
  UINT64: 8,
  INT64: 8,
  FLOAT64: 8,
  // The least that one can take: its length, or its element type and length.
  STRING: 8,
  ARRAY: 12,
}

/** Reads little-endian values from the start of a file of `size` bytes, of which `bytes` are in memory. */
export class Cursor {
  at = 0
  private items = 0
  private readonly view: DataView

  constructor(
    private readonly bytes: Uint8Array,
    readonly size: number,
    readonly file: string,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** Moves past `length` bytes and returns where they start. */
  private take(length: number, what: string): number {
    const start = this.at
    const end = start + length
    if (end > this.size) throw malformed(this.file, `it ends inside ${what} (at byte ${this.size}, ${end} needed)`)
    if (end > this.bytes.length) throw new NeedMore(end)
    this.at = end
    return start
  }

  /** Counts what the header holds, and refuses one that holds absurdly much. */
  spend(items: number, what: string): void {
    this.items += items
    if (this.items > mostItems) throw malformed(this.file, `its header holds more than ${mostItems} values (at ${what})`)
  }

  u32(what: string): number {
    return this.view.getUint32(this.take(4, what), true)
  }

  /** An unsigned 64-bit count or offset that a double holds exactly. */
  count(what: string): number {
    const at = this.take(8, what)
    const value = this.view.getUint32(at + 4, true) * 2 ** 32 + this.view.getUint32(at, true)
    if (value > Number.MAX_SAFE_INTEGER)
      throw malformed(this.file, `${what} is ${this.view.getBigUint64(at, true)}, which is impossibly large`)
    return value
  }

  string(what: string): string {
    const start = this.passString(what)
    return decodeText(this.bytes.subarray(start, this.at))
  }

  /** Moves past a string and returns where its bytes start. */
  private passString(what: string): number {
    const length = this.count(`the length of ${what}`)
    if (length > this.size - this.at)
      throw malformed(this.file, `${what} is ${length} bytes long, more than the rest of the file`)
    if (length > longestString) throw malformed(this.file, `${what} is ${length} bytes long, which no real file needs`)
    return this.take(length, what)
  }

  value(key: string): MetadataValue {
    const type = this.type(key)
    return type === 'ARRAY' ? this.array(key, 1) : type === 'STRING' ? { type, value: this.string(key) } : this.scalar(type, key)
  }

  private type(key: string): MetadataType {
    const id = this.u32(`the type of ${key}`)
    const type = metadataTypeOf(id)
    if (type === undefined) throw malformed(this.file, `the value of ${key} has the unknown type ${id}`, key)
    return type
  }

  private scalar(type: Exclude<MetadataType, 'ARRAY' | 'STRING'>, key: string): MetadataValue {
    if (type === 'BOOL') return { type, value: this.bool(key) }
    if (type === 'UINT64' || type === 'INT64') return { type, value: this.big(type, key) }
    return { type, value: this.number(type, key) }
  }

  private bool(key: string): boolean {
    const byte = this.view.getUint8(this.take(1, key))
    if (byte > 1) throw malformed(this.file, `the boolean ${key} is ${byte}`, key)
    return byte === 1
  }

  private big(type: BigType, key: string): bigint {
    const at = this.take(8, key)
    return type === 'UINT64' ? this.view.getBigUint64(at, true) : this.view.getBigInt64(at, true)
  }

  private number(type: NumberType, key: string): number {
    const at = this.take(bytesOf[type], key)
    switch (type) {
      case 'UINT8':
        return this.view.getUint8(at)
      case 'INT8':
        return this.view.getInt8(at)
      case 'UINT16':
        return this.view.getUint16(at, true)
      case 'INT16':
        return this.view.getInt16(at, true)
      case 'UINT32':
        return this.view.getUint32(at, true)
      case 'INT32':
        return this.view.getInt32(at, true)
      case 'FLOAT32':
        return this.view.getFloat32(at, true)
      case 'FLOAT64':
        return this.view.getFloat64(at, true)
    }
  }

  private array(key: string, depth: number): MetadataArray {
    if (depth > deepestArray) throw malformed(this.file, `arrays of ${key} are nested more than ${deepestArray} deep`, key)
    const of = this.type(key)
    const length = this.count(`the length of ${key}`)
    // Before anything is allocated: so many items need at least so many bytes.
    if (length * bytesOf[of] > this.size - this.at)
      throw malformed(this.file, `${key} claims ${length} items, more than the rest of the file can hold`, key)
    this.spend(length, key)
    if (this.at + length * bytesOf[of] > this.bytes.length) throw new NeedMore(this.at + length * bytesOf[of])
    if (of === 'ARRAY') return { type: 'ARRAY', of, value: repeat(length, () => this.array(key, depth + 1)) }
    if (of === 'BOOL') return { type: 'ARRAY', of, value: repeat(length, () => this.bool(key)) }

    const start = this.at
    if (of === 'STRING') for (let i = 0; i < length; i++) this.passString(key)
    else this.take(length * bytesOf[of], key)
    const items = this.bytes.subarray(start, this.at)
    const whole = this.bytes.subarray(start - arrayHead, this.at)
    const later = <T>(next: (cursor: Cursor) => T) => {
      const cursor = new Cursor(items, items.length, this.file)
      return () => repeat(length, () => next(cursor))
    }
    if (of === 'STRING')
      return arrayAsItLies(
        of,
        whole,
        later((cursor) => cursor.string(key)),
      )
    if (of === 'UINT64' || of === 'INT64')
      return arrayAsItLies(
        of,
        whole,
        later((cursor) => cursor.big(of, key)),
      )
    return arrayAsItLies(
      of,
      whole,
      later((cursor) => cursor.number(of, key)),
    )
  }
}

/** Of an array's element type and length. */
const arrayHead = 12

function repeat<T>(length: number, next: () => T): T[] {
  const values: T[] = []
  for (let i = 0; i < length; i++) values.push(next())
  return values
}
