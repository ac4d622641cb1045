import { e2m1Values } from '@qt/weights'

const f = Math.fround

/** The level of the value nearest to x under the scale, of equally near ones the first. */
function nearestLevel(x: number, scale: number): number {
  const error = (level: number) => Math.abs(f(f(e2m1Values[level]! * scale) - x))
  let nearest = 0
  for (let level = 1; level < 16; level++) if (error(level) < error(nearest)) nearest = level
  return nearest
}

/** Nibbles of values: the first half of them in the low ones, the second in the high ones. */
export function writeFp4(x: Float32Array, scale: number, out: Uint8Array, to: number): void {
  const half = x.length / 2
  for (let i = 0; i < half; i++) out[to + i] = nearestLevel(x[i]!, scale) | (nearestLevel(x[i + half]!, scale) << 4)
}
