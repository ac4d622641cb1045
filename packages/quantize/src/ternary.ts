import { inverse } from './blocks.js'
import { largest } from './extremes.js'

const f = Math.fround

/** Values as x = d·(digit − 1), d their largest magnitude; half a d rounds away from zero. */
export function ternaryDigits(x: Float32Array): { d: number; digits: Uint8Array } {
  const d = Math.abs(largest(x, 0, x.length))
  const id = inverse(d)
  const digit = (value: number) => Math.sign(value) * Number(Math.abs(f(value * id)) >= 0.5) + 1
  return { d, digits: Uint8Array.from(x, digit) }
}
