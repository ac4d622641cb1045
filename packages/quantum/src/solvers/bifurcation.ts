import { pacer } from './paced.js'
import { rowsOf, wholeEnergy } from './rows.js'
import type { Search } from './search.js'
import { uniformNumbers } from './uniform-numbers.js'

/**
 * Discrete simulated bifurcation: particles in a potential that splits into two wells, pulled by the signs of the others.
 * Goto et al., "High-performance combinatorial optimization based on classical mechanics", Science Advances 7 (2021).
 */
export async function simulatedBifurcation(search: Search): Promise<void> {
  const { problem } = search
  const { size, linear } = problem
  const rows = rowsOf(problem)
  const draw = uniformNumbers(search.seed)
  // c0 = 0.5 √(N−1) / ‖J‖, so that pulls compare with the potential.
  let squares = 0
  for (const weight of rows.weights) squares += weight * weight
  for (const h of linear) squares += 2 * h * h
  const pull = squares === 0 ? 1 : (0.5 * Math.sqrt(Math.max(1, size - 1))) / Math.sqrt(squares)
  const pace = pacer(search)
  const bits = new Uint8Array(size)
  const fixed = search.sweeps !== undefined
  for (let run = 0, steps = 100; !search.ended() && (!fixed || run < search.reads); run++, steps = Math.min(2 * steps, 20_000)) {
    const x = Float64Array.from({ length: size }, () => 0.2 * (draw() - 0.5))
    const y = Float64Array.from({ length: size }, () => 0.2 * (draw() - 0.5))
    const count = search.sweeps ?? steps
    const going = await pace.work(count, async (from, some) => {
      for (let step = from; step < from + some; step++) {
        const pump = step / count
        for (let i = 0; i < size; i++) bits[i] = x[i]! > 0 ? 1 : 0
        let twice = 0
        for (let i = 0; i < size; i++) {
          let force = linear[i]!
          for (let e = rows.offsets[i]!; e < rows.offsets[i + 1]!; e++)
            force += bits[rows.neighbours[e]!] === 1 ? rows.weights[e]! : -rows.weights[e]!
          // The forces sum up to the energy: Σ s (f + h) counts every coupling twice, as it does h.
          twice += bits[i] === 1 ? force + linear[i]! : -force - linear[i]!
          y[i]! += 1.25 * (-(1 - pump) * x[i]! - pull * force)
        }
        for (let i = 0; i < size; i++) {
          x[i]! += 1.25 * y[i]!
          if (Math.abs(x[i]!) > 1) {
            x[i] = Math.sign(x[i]!)
            y[i] = 0
          }
        }
        // At every step, not at the end of a slice: that would make the result a matter of the clock.
        search.offerSolution(bits, twice / 2)
      }
      // Lets timers and aborts through.
      await new Promise((resolve) => setTimeout(resolve, 0))
    })
    if (!going) return
    for (let i = 0; i < size; i++) bits[i] = x[i]! > 0 ? 1 : 0
    search.offerSolution(bits, wholeEnergy(problem, rows, bits))
  }
}
