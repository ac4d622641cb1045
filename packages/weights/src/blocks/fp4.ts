/** E2M1, doubled: https://www.opencompute.org/documents/ocp-microscaling-formats-mx-v1-0-spec-final-pdf */
export const e2m1Values = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12] as const

/** Half of an E8M0 scale, 2^(e − 128), for doubled values. */
export const halvedE8M0 = (e: number): number => 2 ** (e - 128)

/** Half of an unsigned E4M3 of bias 7. Its NaN, 0x7F, counts as zero; the eighth bit carries nothing. */
export function halvedE4M3(bits: number): number {
  const [exponent, fraction] = [(bits >> 3) & 15, bits & 7]
  if (bits === 0x7f) return 0
  return exponent === 0 ? fraction * 2 ** -10 : (1 + fraction / 8) * 2 ** (exponent - 8)
}
