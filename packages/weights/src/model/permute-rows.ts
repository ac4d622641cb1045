/**
 * Row order of rotary projections. Within each head of d rows Hugging Face has the two rotary halves one after the other
 * (row j·d/2 + i), GGUF's llama tensors have them interleaved (row 2i + j). Blocks of quantised types lie along columns,
 * so whole rows move and any type can be reordered.
 */
export function interleaveRows<T extends Uint8Array | Float32Array>(rows: T, heads: number, headDim: number): T {
  return reorder(rows, heads, headDim, (row) => (row % 2) * (headDim / 2) + Math.floor(row / 2))
}

/** The inverse of `interleaveRows`: GGUF's order to that of Hugging Face. */
export function separateRows<T extends Uint8Array | Float32Array>(rows: T, heads: number, headDim: number): T {
  return reorder(rows, heads, headDim, (row) => (row % (headDim / 2)) * 2 + Math.floor(row / (headDim / 2)))
}

/** Row r of each head of the result is row `from(r)` of the same head of the input. */
function reorder<T extends Uint8Array | Float32Array>(rows: T, heads: number, headDim: number, from: (row: number) => number): T {
  const width = rows.length / (heads * headDim)
  const result = rows.slice()
  for (let head = 0; head < heads; head++)
    for (let row = 0; row < headDim; row++) {
      const source = (head * headDim + from(row)) * width
      result.set(rows.subarray(source, source + width), (head * headDim + row) * width)
    }
  // slice() of a typed array has the type of that array.
  return result as T
}
