/** What was expected and what was made for it; one of them may be absent. */
export interface Paired<C> {
  readonly expected?: C
  readonly actual?: C
  readonly right: boolean
}

export interface PairBy<C> {
  /** They say the same. */
  readonly equal: (expected: C, actual: C) => boolean
  readonly sameTool: (expected: C, actual: C) => boolean
}

/** Pairs equal calls first, then calls of one tool, then what is left in order. */
export function pairCalls<C>(expected: readonly C[], actual: readonly C[], { equal, sameTool }: PairBy<C>): Paired<C>[] {
  const open = [...actual]
  const found = new Map<C, C>()
  for (const fits of [equal, sameTool, () => true])
    for (const wanted of expected) {
      const at = found.has(wanted) ? -1 : open.findIndex((made) => fits(wanted, made))
      if (at >= 0) found.set(wanted, open.splice(at, 1)[0]!)
    }
  return [
    ...expected.map((wanted) => {
      const made = found.get(wanted)
      return made === undefined
        ? { expected: wanted, right: false }
        : { expected: wanted, actual: made, right: equal(wanted, made) }
    }),
    ...open.map((made) => ({ actual: made, right: false })),
  ]
}
