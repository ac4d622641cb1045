import { Decompress } from 'fzstd'

/** Zstandard data in pieces, unpacked in pieces. */
export async function* unpackZstd(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let ready: Uint8Array[] = []
  const unpacker = new Decompress((piece) => void ready.push(piece))
  for await (const piece of pieces) {
    unpacker.push(piece)
    yield* ready
    ready = []
  }
  unpacker.push(new Uint8Array(0), true)
  yield* ready
}
