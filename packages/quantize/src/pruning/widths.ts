import { type Metadata, metadataNumber } from '@qt/weights'
import { factsOf } from '../mixture/facts.js'

/** The widths that can be cut: those that are the same in all layers. */
export function widthsOf(metadata: Metadata) {
  const { architecture } = factsOf(metadata)
  const number = (key: string) => metadataNumber(metadata, `${architecture}.${key}`)
  const [query, width] = [number('attention.head_count'), number('embedding_length')]
  const keys = metadata.has(`${architecture}.attention.head_count_kv`) ? number('attention.head_count_kv') : query
  const channels = number('feed_forward_length')
  if (query === undefined || keys === undefined || width === undefined || keys === 0 || query % keys !== 0) return { channels }
  const plainDim = width / query
  const dim = number('attention.key_length') ?? plainDim
  return { channels, heads: { keys, grouped: query / keys, dim, plainDim } }
}
