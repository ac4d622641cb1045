/** 32 levels of five bits: four bytes of fifth bits, then 16 bytes of nibbles. */
export function writeFiveBits(out: Uint8Array, to: number, level: (index: number) => number): void {
  for (let i = 0; i < 16; i++) {
    const low = level(i)
    const high = level(i + 16)
    out[to + (i >> 3)]! |= (low >> 4) << (i & 7)
    out[to + 2 + (i >> 3)]! |= (high >> 4) << (i & 7)
    out[to + 4 + i] = (low & 15) | ((high & 15) << 4)
  }
}
