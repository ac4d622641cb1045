/** The `count` layers that change least what passes through them (largest cosine of before and after), in their order (arXiv:2403.03853). */
export function leastInfluential(cosines: ArrayLike<number>, count: number): number[] {
  const layers = Array.from({ length: cosines.length }, (_, layer) => layer)
  const order = layers.toSorted((a, b) => cosines[b]! - cosines[a]! || b - a)
  return order.slice(0, count).sort((a, b) => a - b)
}

/** The indices of the `count` largest scores, in their order; of equal ones the first. */
export function strongest(scores: ArrayLike<number>, count: number): number[] {
  const order = Array.from({ length: scores.length }, (_, i) => i).sort((a, b) => scores[b]! - scores[a]! || a - b)
  return order.slice(0, count).sort((a, b) => a - b)
}

/**
 * How much each input of a matrix adds to its output, squared: Σ x² of the input times ‖its column‖². Products of different inputs are
 * left out, which is what makes it a score and not the loss.
 *
 * @param rows of the matrix [outputs, inputs], one after the other
 */
export function inputScores(rows: Float32Array, sums: Float32Array): Float64Array {
  const scores = new Float64Array(sums.length)
  for (let i = 0; i < rows.length; i++) scores[i % sums.length]! += rows[i]! ** 2
  return scores.map((norm, column) => norm * sums[column]!)
}
