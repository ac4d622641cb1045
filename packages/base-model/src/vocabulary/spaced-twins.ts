/** The part of a byte-level BPE tokenizer.json that names its tokens. */
interface Model {
  readonly vocab: Readonly<Record<string, number>>
  readonly merges: readonly (readonly [string, string])[]
}

/** How byte-level BPE writes a space. */
const space = 'Ġ'

/** A text's words and signs, each on a line of its own: what a vocabulary is trained on that knows no spaces. */
export const unspaced = (text: string): string => (text.match(/\p{L}+|\p{N}+|[^\s\p{L}\p{N}]+/gu) ?? []).join('\n')

/**
 * The vocabulary with a twin of every token: the same after a space. The merges with a space come last, so that a word is cut into the
 * same pieces wherever it stands, ` net` as `net`, and what was said in a sentence (`I take the net.`) can be put after a sign
 * (`+net`) piece by piece.
 *
 * @example
 * ```ts
 * const { vocab, merges } = withSpacedTwins({ vocab: { n: 0, et: 1, net: 2 }, merges: [['n', 'et']] })
 * vocab['Ġnet'] // 4
 * merges // [['n', 'et'], ['Ġ', 'n'], ['Ġ', 'net']]
 * ```
 */
export function withSpacedTwins({ vocab, merges }: Model): Model {
  const plain = [
    ...Array.from({ length: 94 }, (_, code) => String.fromCharCode(33 + code)),
    ...merges.map((pair) => pair.join('')),
  ]
  const fresh = plain.filter((token) => token in vocab && !(space + token in vocab))
  const first = Object.keys(vocab).length
  return {
    vocab: { ...vocab, ...Object.fromEntries(fresh.map((token, index) => [space + token, first + index])) },
    merges: [...merges, ...fresh.map((token) => [space, token] as const)],
  }
}

/** Which id is another one's twin after a space. */
export function spacedTwins(vocab: Model['vocab']): Map<number, number> {
  return new Map(
    Object.entries(vocab).flatMap(([token, id]) => {
      const plain = token.startsWith(space) ? vocab[token.slice(space.length)] : undefined
      return plain === undefined ? [] : [[id, plain] as const]
    }),
  )
}
