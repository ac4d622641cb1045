import { createHash } from 'node:crypto'
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import type { PackedRow } from '@qt/core'
import { grown } from '../grown.js'
import { bytesOf, headerBytes, indexNumbers, printHeader, type ShardHeader } from './shard-layout.js'

const bufferBytes = 4 << 20

/** Writes the rows of one shard as they come; it has its name only once it is whole. */
export class ShardWriter {
  private readonly file: number
  private readonly hash = createHash('sha256')
  private readonly buffer = Buffer.allocUnsafe(bufferBytes)
  private waiting = 0
  private at = headerBytes
  private index = new Int32Array(4096)
  private rows = 0
  private numbers = 0
  private tokens = 0

  constructor(private readonly path: string) {
    this.file = openSync(`${path}.part`, 'w')
  }

  get size(): number {
    return this.tokens
  }

  add({ documents, ids, labels, weights }: PackedRow): void {
    this.index = grown(this.index, (this.rows + 1) * indexNumbers)
    this.index.set([this.numbers, ids.length, documents.length - 1, weights ? 1 : 0], this.rows * indexNumbers)
    this.rows++
    for (const part of weights ? [documents, ids, labels, weights] : [documents, ids, labels]) {
      this.write(bytesOf(part))
      this.numbers += part.length
    }
    this.tokens += ids.length
  }

  end(): ShardHeader {
    this.write(bytesOf(this.index.subarray(0, this.rows * indexNumbers)))
    this.flush()
    const header = {
      rows: this.rows,
      tokens: this.tokens,
      numbers: this.numbers,
      hash: this.hash.digest('hex'),
    }
    writeWhole(this.file, printHeader(header), 0)
    fsyncSync(this.file)
    closeSync(this.file)
    renameSync(`${this.path}.part`, this.path)
    return header
  }

  abandon(): void {
    closeSync(this.file)
    rmSync(`${this.path}.part`, { force: true })
  }

  private write(bytes: Buffer): void {
    if (this.waiting + bytes.length > bufferBytes) this.flush()
    if (bytes.length > bufferBytes) this.append(bytes)
    else this.waiting += bytes.copy(this.buffer, this.waiting)
  }

  private flush(): void {
    const count = this.waiting
    this.waiting = 0
    this.append(this.buffer.subarray(0, count))
  }

  private append(bytes: Buffer): void {
    this.hash.update(bytes)
    writeWhole(this.file, bytes, this.at)
    this.at += bytes.length
  }
}

function writeWhole(file: number, bytes: Buffer, at: number): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done, bytes.length - done, at + done)
}
