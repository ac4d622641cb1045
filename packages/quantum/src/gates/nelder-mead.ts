/** The downhill simplex method: a least value of a function of few numbers, without derivatives. Nelder and Mead (1965). */
export function nelderMead(
  f: (point: readonly number[]) => number,
  start: readonly number[],
  size: number,
  evaluations: number,
): number[] {
  const points = [start.slice(), ...start.map((_, k) => start.map((value, j) => (j === k ? value + size : value)))]
  const simplex = points.map((point) => ({ point, value: f(point) }))
  let left = evaluations - simplex.length
  const evaluate = (point: number[]) => {
    left--
    return { point, value: f(point) }
  }
  while (left > 0) {
    simplex.sort((a, b) => a.value - b.value)
    const worst = simplex.at(-1)!
    const rest = simplex.slice(0, -1)
    const middle = start.map((_, k) => rest.reduce((sum, { point }) => sum + point[k]!, 0) / rest.length)
    const along = (t: number) => evaluate(middle.map((value, k) => value + t * (value - worst.point[k]!)))
    const reflected = along(1)
    if (reflected.value < simplex[0]!.value) {
      const expanded = along(2)
      simplex[simplex.length - 1] = expanded.value < reflected.value ? expanded : reflected
    } else if (reflected.value < rest.at(-1)!.value) simplex[simplex.length - 1] = reflected
    else {
      const contracted = along(reflected.value < worst.value ? 0.5 : -0.5)
      if (contracted.value < Math.min(reflected.value, worst.value)) simplex[simplex.length - 1] = contracted
      else {
        const best = simplex[0]!.point
        for (let k = 1; k < simplex.length; k++)
          simplex[k] = evaluate(simplex[k]!.point.map((value, j) => (value + best[j]!) / 2))
      }
    }
  }
  return simplex.reduce((a, b) => (a.value <= b.value ? a : b)).point
}
