/**
 * Cohen's κ of two raters over the same things: agreement beyond what their habits would give by chance. 1 is full, 0 chance. NaN where both
 * always say the same one thing.
 */
export function cohensKappa<T>(a: readonly T[], b: readonly T[]): number {
  const labels = new Set([...a, ...b])
  const n = a.length
  const agreed = a.filter((one, i) => one === b[i]).length / n
  let chance = 0
  for (const label of labels)
    chance += (a.filter((one) => one === label).length / n) * (b.filter((one) => one === label).length / n)
  return (agreed - chance) / (1 - chance)
}

/** Fleiss' κ of several raters: each row holds what all of them said of one thing. */
export function fleissKappa<T>(rows: readonly (readonly T[])[]): number {
  const labels = [...new Set(rows.flat())]
  const raters = rows[0]?.length ?? 0
  const counts = rows.map((row) => labels.map((label) => row.filter((one) => one === label).length))
  const agreed = counts.map((row) => (row.reduce((sum, count) => sum + count * count, 0) - raters) / (raters * (raters - 1)))
  const observed = agreed.reduce((sum, one) => sum + one, 0) / rows.length
  const chance = labels.reduce((sum, _, k) => {
    const share = counts.reduce((total, row) => total + row[k]!, 0) / (rows.length * raters)
    return sum + share * share
  }, 0)
  return (observed - chance) / (1 - chance)
}

/** Pearson's correlation; NaN where one side never changes. */
export function correlation(a: readonly number[], b: readonly number[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, one) => sum + one, 0) / values.length
  const [middleA, middleB] = [mean(a), mean(b)]
  let [both, squaresA, squaresB] = [0, 0, 0]
  for (const [i, one] of a.entries()) {
    const [x, y] = [one - middleA, b[i]! - middleB]
    both += x * y
    squaresA += x * x
    squaresB += y * y
  }
  return both / Math.sqrt(squaresA * squaresB)
}

/** Spearman's: the correlation of ranks, equal values sharing theirs. */
export const rankCorrelation = (a: readonly number[], b: readonly number[]): number => correlation(ranks(a), ranks(b))

function ranks(values: readonly number[]): number[] {
  const sorted = [...values].sort((a, b) => a - b)
  return values.map((value) => (sorted.indexOf(value) + sorted.lastIndexOf(value)) / 2)
}
