/**
 * The merges of a SentencePiece vocabulary, which stores scores only: every way to cut a token into two tokens is a
 * merge, those of better-scored tokens first.
 */
export function mergesFromScores(tokens: readonly string[], scores: readonly number[]): string[] {
  const ids = new Map(tokens.map((token, id) => [token, id]))
  const merges: { left: number; right: number; score: number }[] = []
  tokens.forEach((token, id) => {
    const characters = [...token]
    for (let cut = 1; cut < characters.length; cut++) {
      const left = ids.get(characters.slice(0, cut).join(''))
      const right = ids.get(characters.slice(cut).join(''))
      if (left !== undefined && right !== undefined) merges.push({ left, right, score: scores[id] ?? 0 })
    }
  })
  merges.sort((a, b) => b.score - a.score || a.left - b.left || a.right - b.right)
  return merges.map(({ left, right }) => `${tokens[left]} ${tokens[right]}`)
}
