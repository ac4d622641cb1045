/** Cuts a stream of bytes, whatever its pieces, into pieces of whole rows. */
export async function* wholeRows(pieces: AsyncIterable<Uint8Array>, rowBytes: number): AsyncGenerator<Uint8Array> {
  let rest = new Uint8Array(0)
  for await (const piece of pieces) {
    const joined = rest.length === 0 ? piece : concat(rest, piece)
    const whole = joined.length - (joined.length % rowBytes)
    if (whole > 0) yield joined.subarray(0, whole)
    rest = joined.slice(whole)
  }
  if (rest.length > 0) throw new Error(`${rest.length} bytes are left after the last whole row of ${rowBytes}`)
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array {
  const out = new Uint8Array(first.length + second.length)
  out.set(first)
  out.set(second, first.length)
  return out
}
