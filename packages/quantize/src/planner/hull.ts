import type { TypeOption } from './problem.js'

export interface Step {
  readonly tensor: number
  /** The option that is reached. */
  readonly option: number
  readonly bytes: number
  /** Cost saved for each byte more. */
  readonly slope: number
}

/** The options that no mixture of two others beats, smallest first. */
export function hullOf(options: readonly TypeOption[]): number[] {
  const order = options
    .map((_, i) => i)
    .sort((a, b) => options[a]!.bytes - options[b]!.bytes || options[a]!.cost - options[b]!.cost)
  const hull: number[] = []
  const slope = (from: number, to: number) => {
    const [a, b] = [options[from]!, options[to]!]
    return (a.cost - b.cost) / (b.bytes - a.bytes)
  }
  for (const next of order) {
    const last = hull.at(-1)
    if (last !== undefined && options[next]!.cost >= options[last]!.cost) continue
    while (hull.length > 1 && slope(hull.at(-2)!, hull.at(-1)!) <= slope(hull.at(-1)!, next)) hull.pop()
    hull.push(next)
  }
  return hull
}

/** Every step to the next larger option of a hull, those that save most for each byte first. */
export function stepsOf(tensors: readonly { readonly options: readonly TypeOption[] }[], hulls: readonly number[][]): Step[] {
  const steps = hulls.flatMap((hull, tensor) =>
    hull.slice(1).map((option, i): Step => {
      const [from, to] = [tensors[tensor]!.options[hull[i]!]!, tensors[tensor]!.options[option]!]
      const bytes = to.bytes - from.bytes
      return { tensor, option, bytes, slope: (from.cost - to.cost) / bytes }
    }),
  )
  return steps.sort((a, b) => b.slope - a.slope || a.tensor - b.tensor || a.bytes - b.bytes)
}
