import { permutation, usageError } from '@qt/core'

export interface SplitItem {
  /** What must not be torn apart: near-duplicates, the turns of one conversation, the files of one repository. */
  readonly group: number | string
  /** What every part shall have its share of: a category. */
  readonly stratum?: string | undefined
}

export interface SplitOptions {
  /** Shares by name; the rest is `train`. Default { validation: 0.2 }. */
  readonly shares?: Readonly<Record<string, number>> | undefined
  readonly seed?: number | undefined
}

/**
 * The part of each item, so that every stratum is shared out in the same way and no group is in two parts. Shares are kept as well as
 * whole groups allow. The same seed gives the same parts.
 *
 * @example
 * ```ts
 * splitGroups([{ group: 0 }, { group: 0 }, { group: 1 }], { shares: { validation: 0.3 } }) // ['train', 'train', 'validation'] or so
 * ```
 */
export function splitGroups(
  items: readonly SplitItem[],
  { shares = { validation: 0.2 }, seed = 1 }: SplitOptions = {},
): string[] {
  checkShares(shares)
  const groups = new Map<number | string, number[]>()
  for (const [index, { group }] of items.entries()) {
    const members = groups.get(group)
    if (members) members.push(index)
    else groups.set(group, [index])
  }
  const strata = new Map<string, number[][]>()
  for (const members of groups.values()) {
    // A group belongs where its first member does.
    const stratum = items[members[0]!]!.stratum ?? ''
    const own = strata.get(stratum)
    if (own) own.push(members)
    else strata.set(stratum, [members])
  }
  const parts: string[] = Array.from({ length: items.length }, () => 'train')
  // Small strata round the same way each; what one gives too little the next makes up for.
  const owed = new Map(Object.keys(shares).map((name) => [name, 0]))
  let step = 0
  for (const [, members] of [...strata].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const order = permutation(members.length, seed, 'split', step++)
    const count = members.reduce((sum, one) => sum + one.length, 0)
    for (const name of owed.keys()) owed.set(name, owed.get(name)! + count * (shares[name] ?? 0))
    for (const index of order) {
      const group = members[index]!
      // To whoever is owed most, if taking the group brings it nearer to its share.
      const [name, due] = [...owed].reduce((best, one) => (one[1] > best[1] ? one : best), ['train', 0])
      if (due < group.length / 2) continue
      for (const item of group) parts[item] = name
      owed.set(name, due - group.length)
    }
  }
  return parts
}

/** Shares are of one whole, and their names become names of files. */
export function checkShares(shares: Readonly<Record<string, number>>): void {
  const all = Object.values(shares).reduce((sum, share) => sum + share, 0)
  const wrong = Object.entries(shares).find(([name, share]) => !(share > 0) || name === 'train' || !/^[\w-]+$/.test(name))
  if (wrong === undefined && all < 1) return
  throw usageError(
    'DATA_OPTION',
    wrong === undefined
      ? `The shares are ${all} together, and nothing is left to train on.`
      : `"${wrong[0]}: ${wrong[1]}" is no share of the data.`,
    { actions: ['Use names of letters other than "train", and shares above 0 that are below 1 together: { validation: 0.2 }.'] },
  )
}
