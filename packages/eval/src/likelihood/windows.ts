/** Part of a text to be scored: `scored` tokens at the end of `ids`, the rest is context. */
export interface Window {
  readonly ids: number[]
  readonly scored: number
}

/**
 * Cuts a text into windows in which every token is scored once: the first is preceded by `prefix`, later ones by the last token
 * of the window before. Only the last window, which has fewer tokens left to score, is filled with more context.
 * (lm-evaluation-harness: `get_rolling_token_windows` with `context_len` 1, made disjoint.)
 *
 * @param length Tokens that the model takes in; a window has one id more, the last one is only scored.
 */
export function* rollingWindows(ids: ArrayLike<number>, prefix: number, length: number): Generator<Window> {
  for (let from = 0; from < ids.length; from += length) {
    const to = Math.min(ids.length, from + length)
    const first = from === 0 ? -1 : to - length - 1
    yield { ids: Array.from({ length: to - first }, (_, i) => (first + i < 0 ? prefix : ids[first + i]!)), scored: to - from }
  }
}
