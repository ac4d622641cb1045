import type { ItemReport } from '../run/report.js'

export interface Confused {
  readonly expected: string
  readonly actual: string
  readonly count: number
}

/** How often what was made instead of what, over items. */
export function confusionOf(items: readonly Pick<ItemReport, 'confusion'>[]): Confused[] {
  const counts = new Map<string, Confused>()
  for (const [expected, actual] of items.flatMap(({ confusion = [] }) => confusion)) {
    const key = JSON.stringify([expected, actual])
    counts.set(key, { expected, actual, count: (counts.get(key)?.count ?? 0) + 1 })
  }
  const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
  return [...counts.values()].sort((a, b) => compare(a.expected, b.expected) || b.count - a.count || compare(a.actual, b.actual))
}
