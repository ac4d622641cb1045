import { createHash } from 'node:crypto'
import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'

const keyBytes = 16
const checkBytes = 4
/** Records read at once while opening. */
const chunk = 4096

const digest = (...parts: readonly (string | Uint8Array)[]): Buffer => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/**
 * Vectors of texts on disk, one append-only file of records [16 bytes of the text's SHA-256 | dimensions × float32 | 4 bytes of check].
 * Several processes may append: each batch is one write. A record that was cut or damaged counts as absent.
 */
export class VectorCache {
  /** Which record holds the vector of a text, by its key. */
  private readonly places = new Map<string, number>()
  private readonly record: number
  private records = 0

  private constructor(
    private readonly file: FileHandle,
    private readonly dimensions: number,
  ) {
    this.record = keyBytes + 4 * dimensions + checkBytes
  }

  static async open(path: string, dimensions: number): Promise<VectorCache> {
    await mkdir(dirname(path), { recursive: true })
    const cache = new VectorCache(await open(path, 'a+'), dimensions)
    try {
      await cache.readKeys()
    } catch (error) {
      await cache.close()
      throw error
    }
    return cache
  }

  private async readKeys(): Promise<void> {
    const { size } = await this.file.stat()
    const cut = size % this.record
    // What a full disk left half written is filled up, so that the records after it stand where records stand.
    if (cut > 0) await this.file.appendFile(new Uint8Array(this.record - cut))
    const records = Math.ceil(size / this.record)
    const buffer = Buffer.alloc(chunk * this.record)
    for (let from = 0; from < records; from += chunk) {
      const { bytesRead } = await this.file.read(buffer, 0, buffer.length, from * this.record)
      const whole = Math.min(Math.floor(bytesRead / this.record), records - from)
      for (let i = 0; i < whole; i++)
        this.places.set(buffer.toString('latin1', i * this.record, i * this.record + keyBytes), from + i)
    }
    this.records = records
  }

  async get(text: string): Promise<Float32Array | undefined> {
    const place = this.places.get(keyOf(text))
    if (place === undefined) return undefined
    const buffer = Buffer.alloc(this.record)
    const { bytesRead } = await this.file.read(buffer, 0, this.record, place * this.record)
    const body = buffer.subarray(0, this.record - checkBytes)
    const sound = bytesRead === this.record && digest(body).subarray(0, checkBytes).equals(buffer.subarray(-checkBytes))
    if (!sound || body.toString('latin1', 0, keyBytes) !== keyOf(text)) return undefined
    const vector = new Float32Array(this.dimensions)
    for (let i = 0; i < this.dimensions; i++) vector[i] = body.readFloatLE(keyBytes + 4 * i)
    return vector
  }

  async add(entries: readonly (readonly [text: string, vector: Float32Array])[]): Promise<void> {
    if (entries.length === 0) return
    const buffer = Buffer.alloc(entries.length * this.record)
    entries.forEach(([text, vector], index) => {
      const body = buffer.subarray(index * this.record, (index + 1) * this.record - checkBytes)
      body.write(keyOf(text), 'latin1')
      vector.forEach((value, i) => {
        body.writeFloatLE(value, keyBytes + 4 * i)
      })
      digest(body).copy(buffer, (index + 1) * this.record - checkBytes, 0, checkBytes)
    })
    await this.file.appendFile(buffer)
    // Where they stand is known only if nobody else wrote meanwhile; `get` checks the key, so a wrong place is only a miss.
    for (const [text] of entries) this.places.set(keyOf(text), this.records++)
  }

  close(): Promise<void> {
    return this.file.close()
  }
}

const keyOf = (text: string): string => digest(text).toString('latin1', 0, keyBytes)
