/**
 * Sentence vectors of length 1: the mean of the states of a text's own tokens, as sentence-transformers pools.
 * states: [texts, width, dimensions]; of text i the first lengths[i] of the width are its own, the rest is padding.
 */
export function meanPool(states: Float32Array, lengths: readonly number[], width: number, dimensions: number): Float32Array[] {
  return lengths.map((length, text) => {
    const sum = new Float64Array(dimensions)
    for (let token = 0; token < length; token++) {
      const from = (text * width + token) * dimensions
      for (let i = 0; i < dimensions; i++) sum[i]! += states[from + i]!
    }
    let squares = 0
    for (const value of sum) squares += value * value
    // The direction of a sum is that of the mean.
    const scale = squares === 0 ? 0 : 1 / Math.sqrt(squares)
    return Float32Array.from(sum, (value) => value * scale)
  })
}
