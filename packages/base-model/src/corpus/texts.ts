import { scene } from './scene.js'
import { story } from './story.js'

const kinds = { stories: story, scenes: scene } as const

/**
 * Texts of the generated corpus; the same seed gives the same texts, and text n does not depend on how many there are.
 *
 * @example
 * ```ts
 * const lines = corpus('stories', { count: 1000, seed: 1 }).map((text) => JSON.stringify({ text }))
 * await writeFile('stories.jsonl', lines.join('\n'))
 * ```
 */
export function corpus(kind: keyof typeof kinds, options: { readonly count: number; readonly seed?: number }): string[] {
  const { count, seed = 1 } = options
  return Array.from({ length: count }, (_, index) => kinds[kind](seed, index))
}
