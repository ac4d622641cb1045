/** The shortest decimal that is the same float32: 0.00001 for 0.000009999999747378752. */
export function shortestFloat32(value: number): number {
  const rounded = Math.fround(value)
  for (let digits = 1; digits < 10; digits++) {
    const candidate = Number(value.toPrecision(digits))
    if (Math.fround(candidate) === rounded) return candidate
  }
  return value
}
