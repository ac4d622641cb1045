/** Words and pairs of neighbouring words, lower case; numbers are all alike. */
export function terms(text: string): string[] {
  const words = (text.toLowerCase().match(/[\p{L}]+|\d+|[^\s\p{L}\d]/gu) ?? []).map((word) => (/^\d/.test(word) ? '0' : word))
  return [...words, ...words.slice(1).map((word, i) => `${words[i]} ${word}`)]
}

/**
 * Vectors of texts whose products say how alike they are, 0 to 1: words and word pairs, rare ones heavier (tf-idf), hashed into
 * `dimensions` places. Coarser than embeddings of a model, and there in a millisecond.
 */
export function textFeatures(texts: readonly string[], dimensions = 1024): Float32Array[] {
  const counted = texts.map((text) => {
    const counts = new Map<string, number>()
    for (const term of terms(text)) counts.set(term, (counts.get(term) ?? 0) + 1)
    return counts
  })
  const frequency = new Map<string, number>()
  for (const counts of counted) for (const term of counts.keys()) frequency.set(term, (frequency.get(term) ?? 0) + 1)
  return counted.map((counts) => {
    const vector = new Float32Array(dimensions)
    for (const [term, count] of counts) {
      const hash = hashOf(term)
      const rarity = Math.log((1 + texts.length) / (1 + frequency.get(term)!)) + 1e-3
      // A sign of its own keeps terms that share a place from looking alike.
      vector[hash % dimensions]! += (hash >>> 31 === 0 ? 1 : -1) * (1 + Math.log(count)) * rarity
    }
    const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0)) || 1
    return vector.map((value) => value / length)
  })
}

/** FNV-1a with a final mix. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return (hash ^ (hash >>> 13)) >>> 0
}
