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

/** Pairs as many equal calls as possible, then calls of one tool, then what is left in order. */
export function pairCalls<C>(expected: readonly C[], actual: readonly C[], { equal, sameTool }: PairBy<C>): Paired<C>[] {
  const made = matched(expected, actual, equal)
  const open = new Set(actual.keys())
  for (const at of made.values()) open.delete(at)
  for (const fits of [sameTool, () => true])
    for (const [i, wanted] of expected.entries()) {
      const at = made.has(i) ? undefined : [...open].find((one) => fits(wanted, actual[one]!))
      if (at !== undefined) {
        made.set(i, at)
        open.delete(at)
      }
    }
  return [
    ...expected.map((wanted, i) => {
      const at = made.get(i)
      if (at === undefined) return { expected: wanted, right: false }
      return { expected: wanted, actual: actual[at]!, right: equal(wanted, actual[at]!) }
    }),
    ...[...open].map((at) => ({ actual: actual[at]!, right: false })),
  ]
}

/**
 * Which call was made for which expected one, for as many as possible: a call that fits several of them, because arguments may have several values,
 * gives way where another fits too (augmenting paths).
 */
function matched<C>(expected: readonly C[], actual: readonly C[], equal: PairBy<C>['equal']): Map<number, number> {
  const owners = new Map<number, number>()
  const place = (i: number, tried: Set<number>): boolean => {
    for (const [at, made] of actual.entries()) {
      if (tried.has(at) || !equal(expected[i]!, made)) continue
      tried.add(at)
      const owner = owners.get(at)
      if (owner === undefined || place(owner, tried)) {
        owners.set(at, i)
        return true
      }
    }
    return false
  }
  for (const i of expected.keys()) place(i, new Set())
  return new Map([...owners].map(([at, i]) => [i, at]))
}
