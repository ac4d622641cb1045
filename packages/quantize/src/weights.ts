const f = Math.fround

export function sumOfSquares(x: Float32Array): number {
  let sum = 0
  for (const value of x) sum = f(sum + f(value * value))
  return sum
}

export function sumOf(x: Float32Array): number {
  let sum = 0
  for (const value of x) sum = f(sum + value)
  return sum
}

/** importance·√(spread + x²): how much the squared error of each value counts. */
export const weigh = (x: Float32Array, importance: Float32Array, spread: number): Float32Array =>
  x.map((value, i) => importance[i]! * f(Math.sqrt(f(spread + f(value * value)))))
