import type { Readable } from 'node:stream'

/** What a stream said, up to a number of bytes. */
export class Output {
  readonly #pieces: Buffer[] = []
  #bytes = 0

  constructor(stream: Readable, most: number, onFull: () => void) {
    stream.on('data', (piece: Buffer) => {
      if (this.#bytes < most) this.#pieces.push(piece.subarray(0, most - this.#bytes))
      this.#bytes += piece.length
      if (this.#bytes > most) onFull()
    })
    stream.on('error', () => {}) // A killed process may leave a broken pipe.
  }

  text(): string {
    return Buffer.concat(this.#pieces).toString('utf8')
  }
}
