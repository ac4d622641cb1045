/** Cuts `text[from, to)` into consecutive pieces; some scans leave parts of it out. */
export interface Scan {
  (text: string, from: number, to: number, emit: Emit): void
  /** The pattern, where it is one of those that the encoder in WebAssembly knows. */
  readonly rules?: WordRules
}

/** The pattern of GPT-2, or one of the family of Llama 3's. */
export type WordRules =
  | { readonly kind: 'gpt2' }
  | { readonly kind: 'llama3'; readonly digits: number; readonly marks: boolean; readonly contractions: boolean }
export type Emit = (from: number, to: number) => void

/** Each scan cuts the pieces of the one before. */
export function chain(scans: readonly Scan[]): Scan {
  const [first, ...rest] = scans
  if (first === undefined) return (_text, from, to, emit) => emit(from, to)
  if (rest.length === 0) return first
  const next = chain(rest)
  return (text, from, to, emit) => first(text, from, to, (start, end) => next(text, start, end, emit))
}

export type SplitBehavior = 'Isolated' | 'Removed' | 'MergedWithPrevious' | 'MergedWithNext' | 'Contiguous'

interface Part {
  from: number
  to: number
  match: boolean
}

const isLow = (unit: number) => unit >= 0xdc00 && unit <= 0xdfff

/** Matches and the gaps between them, in order. The piece is cut out first: lookahead must not see past its end. */
function parts(pattern: RegExp, text: string, from: number, to: number): Part[] {
  const piece = from === 0 && to === text.length ? text : text.slice(from, to)
  const found: Part[] = []
  let end = 0
  for (const match of piece.matchAll(pattern)) {
    // V8 finds some empty matches within a character of two units.
    if (match[0] === '' && isLow(piece.charCodeAt(match.index))) continue
    if (match.index > end) found.push({ from: from + end, to: from + match.index, match: false })
    const to = match.index + match[0].length
    // An empty match is none where another one just ended.
    if (to > match.index || to > end || end === 0) found.push({ from: from + match.index, to: from + to, match: true })
    end = to
  }
  if (end < piece.length) found.push({ from: from + end, to, match: false })
  return found
}

/** Cuts at the matches of a pattern, the `Split` of tokenizer.json. The pattern needs the flags g and u. */
export function splitScan(pattern: RegExp, behavior: SplitBehavior = 'Isolated', invert = false): Scan {
  return (text, from, to, emit) => {
    const found = parts(pattern, text, from, to)
    if (invert) for (const part of found) part.match = !part.match
    let start = from
    for (const [index, part] of found.entries()) {
      const next = found[index + 1]
      const join =
        next !== undefined &&
        ((behavior === 'MergedWithPrevious' && !part.match && next.match) ||
          (behavior === 'MergedWithNext' && part.match && !next.match) ||
          (behavior === 'Contiguous' && part.match === next.match))
      if (join) continue
      const drop = behavior === 'Removed' && part.match
      if (!drop && part.to > start) emit(start, part.to)
      start = part.to
    }
  }
}
