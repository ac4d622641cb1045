import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import type { Pieces } from '../token-store.js'
import { bytesOf } from './shard-layout.js'

const bufferNumbers = 1 << 20

/** Pieces in a file that goes when it is closed, so that data may be larger than memory. */
export class FilePieces implements Pieces {
  private readonly file: number
  private readonly buffer = new Int32Array(bufferNumbers)
  private waiting = 0
  private written = 0

  constructor(private readonly path: string) {
    this.file = openSync(path, 'w+')
  }

  write(ids: Int32Array, labels: Int32Array): number {
    const size = ids.length + labels.length
    if (this.waiting + size > this.buffer.length) this.flush()
    const place = this.written + this.waiting
    if (size > this.buffer.length) {
      this.append(ids)
      this.append(labels)
    } else {
      this.buffer.set(ids, this.waiting)
      this.buffer.set(labels, this.waiting + ids.length)
      this.waiting += size
    }
    return place
  }

  read(place: number, ids: Int32Array, labels: Int32Array): void {
    if (place + ids.length + labels.length > this.written) this.flush()
    this.fill(ids, place)
    this.fill(labels, place + ids.length)
  }

  close(): void {
    closeSync(this.file)
    rmSync(this.path, { force: true })
  }

  private flush(): void {
    const count = this.waiting
    this.waiting = 0
    this.append(this.buffer.subarray(0, count))
  }

  private append(numbers: Int32Array): void {
    const bytes = bytesOf(numbers)
    for (let at = 0; at < bytes.length; ) at += writeSync(this.file, bytes, at, bytes.length - at, 4 * this.written + at)
    this.written += numbers.length
  }

  private fill(numbers: Int32Array, place: number): void {
    const bytes = bytesOf(numbers)
    for (let at = 0; at < bytes.length; ) {
      const read = readSync(this.file, bytes, at, bytes.length - at, 4 * place + at)
      if (read === 0) throw new RangeError(`${this.path} ends before number ${place + numbers.length}`)
      at += read
    }
  }
}
