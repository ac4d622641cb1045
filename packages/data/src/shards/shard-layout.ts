import { usageError } from '@qt/core'

/*
 * A shard, everything little-endian, so that every array of a row can be used where it lies:
 *
 *   header   128 bytes: "QTTOKENS", version u32, reserved u32, rows u64, tokens u64, numbers of rows u64, SHA-256 of all that follows
 *   rows     each: borders of its documents int32[documents + 1], ids int32[tokens], labels int32[tokens] (shifted), and when weighed
 *            weights float32[tokens]
 *   index    each row int32[4]: where it begins (in numbers after the header), tokens, documents, whether it is weighed
 */

export const headerBytes = 128
export const indexNumbers = 4
const magic = 'QTTOKENS'
const version = 1

export interface ShardHeader {
  readonly rows: number
  readonly tokens: number
  /** Numbers of four bytes that the rows take. */
  readonly numbers: number
  /** SHA-256, hexadecimal. */
  readonly hash: string
}

export function printHeader({ rows, tokens, numbers, hash }: ShardHeader): Buffer {
  const bytes = Buffer.alloc(headerBytes)
  bytes.write(magic, 'latin1')
  bytes.writeUInt32LE(version, 8)
  for (const [i, value] of [rows, tokens, numbers].entries()) bytes.writeBigUInt64LE(BigInt(value), 16 + 8 * i)
  bytes.write(hash, 40, 'hex')
  return bytes
}

/** The header of a file of `size` bytes, or an error that says why it is no shard. */
export function parseHeader(bytes: Buffer, size: number, file: string): ShardHeader {
  if (bytes.length < headerBytes || bytes.toString('latin1', 0, magic.length) !== magic)
    throw shardError(file, 'This is no shard of tokens.')
  const found = bytes.readUInt32LE(8)
  if (found !== version)
    throw shardError(file, `This shard of tokens is of version ${found}; this program reads version ${version}.`)
  const [rows, tokens, numbers] = [16, 24, 32].map((at) => Number(bytes.readBigUInt64LE(at))) as [number, number, number]
  const whole = shardBytes({ rows, numbers })
  if (size !== whole)
    throw shardError(
      file,
      `The shard has ${size.toLocaleString('en-US')} bytes where its header says ${whole.toLocaleString('en-US')}: it was ${size < whole ? 'cut off' : 'added to'}.`,
    )
  return { rows, tokens, numbers, hash: bytes.toString('hex', 40, 72) }
}

export const shardBytes = ({ rows, numbers }: Pick<ShardHeader, 'rows' | 'numbers'>): number =>
  headerBytes + 4 * (numbers + indexNumbers * rows)

export const shardError = (file: string, message: string) =>
  usageError('DATA_SHARD', message, { where: { file }, actions: ['Prepare the data again: qt data prepare.'] })

export const bytesOf = (numbers: Int32Array | Float32Array): Buffer =>
  Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength)
