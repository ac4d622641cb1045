type Range = readonly [from: number, to: number]

/** Code points by the number of their bytes; the surrogates are none. */
const lengths: readonly Range[] = [
  [0, 0x7f],
  [0x80, 0x7ff],
  [0x800, 0xd7ff],
  [0xe000, 0xffff],
  [0x10000, 0x10ffff],
]

const encoder = new TextEncoder()

/** Sorted, disjoint ranges; of the others when negated. */
export function normalRanges(ranges: readonly Range[], negated: boolean): Range[] {
  const merged: [number, number][] = []
  for (const [from, to] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1)
    if (last && from <= last[1] + 1) last[1] = Math.max(last[1], to)
    else merged.push([from, to])
  }
  if (!negated) return merged
  const others: Range[] = []
  let next = 0
  for (const [from, to] of merged) {
    if (from > next) others.push([next, from - 1])
    next = to + 1
  }
  if (next <= 0x10ffff) others.push([next, 0x10ffff])
  return others
}

/** Ranges of code points as sequences of ranges of bytes: U+0100–U+07FF is C4–DF, 80–BF. */
export function utf8Ranges(ranges: readonly Range[]): Range[][] {
  const out: Range[][] = []
  for (const [from, to] of ranges)
    for (const [low, high] of lengths) {
      const [a, b] = [Math.max(from, low), Math.min(to, high)]
      if (a <= b) split([...encoder.encode(String.fromCodePoint(a))], [...encoder.encode(String.fromCodePoint(b))], [], out)
    }
  return out
}

/** All byte strings of one length between `a` and `b` whose last bytes run over whole ranges. */
function split(a: readonly number[], b: readonly number[], before: readonly Range[], out: Range[][]): void {
  const [first, last] = [a[0]!, b[0]!]
  if (a.length === 1) {
    out.push([...before, [first, last]])
    return
  }
  const [restA, restB] = [a.slice(1), b.slice(1)]
  const lowest = restA.map(() => 0x80)
  const highest = restA.map(() => 0xbf)
  if (first === last) {
    split(restA, restB, [...before, [first, first]], out)
    return
  }
  const wholeA = restA.every((byte) => byte === 0x80)
  const wholeB = restB.every((byte) => byte === 0xbf)
  if (!wholeA) split(restA, highest, [...before, [first, first]], out)
  const [from, to] = [wholeA ? first : first + 1, wholeB ? last : last - 1]
  if (from <= to) out.push([...before, [from, to], ...lowest.map((): Range => [0x80, 0xbf])])
  if (!wholeB) split(lowest, restB, [...before, [last, last]], out)
}
