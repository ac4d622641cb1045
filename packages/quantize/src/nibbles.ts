/** The lower four bits of 32 levels in 16 bytes: level i in the low nibble of byte i, level i + 16 in the high one. */
export function writeNibbles(out: Uint8Array, to: number, levels: Uint8Array): void {
  for (let i = 0; i < 16; i++) out[to + i] = (levels[i]! & 15) | ((levels[i + 16]! & 15) << 4)
}
