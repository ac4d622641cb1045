/**
 * How many standard deviations the slowest of `count` equal machines lies above the mean, when their times are normal: the
 * expected largest of `count` normal numbers (Blom 1958: Φ⁻¹((n − 0.375) / (n + 0.25))).
 */
export const largestOf = (count: number): number => (count <= 1 ? 0 : quantile((count - 0.375) / (count + 0.25)))

/** Φ⁻¹ of a probability above one half, by bisection of the complementary error function. */
function quantile(probability: number): number {
  let [low, high] = [0, 40]
  for (let i = 0; i < 100; i++) {
    const middle = (low + high) / 2
    if (above(middle) > 1 - probability) low = middle
    else high = middle
  }
  return low
}

/** The probability above x ≥ 0, by the continued fraction of the Mills ratio, or the series near 0. */
function above(x: number): number {
  const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)
  if (x < 2) {
    let [term, sum] = [x, x]
    for (let k = 1; k < 60; k++) {
      term *= (x * x) / (2 * k + 1)
      sum += term
    }
    return 0.5 - density * sum
  }
  let fraction = x
  for (let k = 80; k >= 1; k--) fraction = x + k / fraction
  return density / fraction
}
