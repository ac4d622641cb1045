import type { Tokenizer } from '@qt/core'

/** The tokens that a tokenizer puts around a text of its own accord: a beginning token, for some also an end. */
export interface SpecialFrame {
  readonly before: readonly number[]
  readonly after: readonly number[]
}

const frames = new WeakMap<Tokenizer, SpecialFrame>()

/** Found by encoding nothing, and a letter: what both begin with comes before the text. */
export function specialFrame(tokenizer: Tokenizer): SpecialFrame {
  const known = frames.get(tokenizer)
  if (known) return known
  const nothing = [...tokenizer.encode('', { special: true })]
  const letter = tokenizer.encode('a', { special: true })
  let split = 0
  while (split < nothing.length && nothing[split] === letter[split]) split++
  const frame = { before: nothing.slice(0, split), after: nothing.slice(split) }
  frames.set(tokenizer, frame)
  return frame
}

/** Text that holds its own special tokens, as a chat template writes it: they are read, and none is added. */
export function encodeRendered(text: string, tokenizer: Tokenizer): Uint32Array {
  const { before, after } = specialFrame(tokenizer)
  const ids = tokenizer.encode(text, { special: true })
  return ids.subarray(before.length, ids.length - after.length)
}
