/** The answer up to the first of the texts that end it. */
export function cutAt(text: string, stops: readonly string[]): string {
  const ends = stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0)
  return ends.length === 0 ? text : text.slice(0, Math.min(...ends))
}

const fence = /^[ \t]*(`{3,}|~{3,})[^\n]*\n([\s\S]*?)(?:^[ \t]*\1[ \t]*$|(?![\s\S]))/gm

/** Code blocks of an answer in Markdown, in their order; one that is not closed reaches to the end. */
export const codeBlocks = (answer: string): string[] => [...answer.matchAll(fence)].map((match) => match[2]!.replace(/\n$/, ''))

/**
 * The code of an answer: the first block that holds what is asked for, else the longest, else the whole answer. Models explain
 * themselves, and show how to call what they wrote.
 */
export function codeIn(answer: string, wanted?: RegExp): string {
  const blocks = codeBlocks(answer)
  const holding = wanted && blocks.find((block) => wanted.test(block))
  if (holding !== undefined) return holding
  const longest = blocks.reduce((best, block) => (block.length > best.length ? block : best), '')
  return longest === '' ? answer : longest
}
