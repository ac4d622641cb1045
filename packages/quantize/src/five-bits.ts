import { writeNibbles } from './nibbles.js'

/** 32 levels of five bits: four bytes of fifth bits, then 16 bytes of nibbles. */
export function writeFiveBits(out: Uint8Array, to: number, levels: Uint8Array): void {
  levels.forEach((level, i) => {
    out[to + (i >> 3)]! |= (level >> 4) << (i & 7)
  })
  writeNibbles(out, to + 4, levels)
}
