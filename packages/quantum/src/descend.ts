import { breathe } from './breathe.js'
import type { Adjacency, QuadraticModel, Solution } from './quadratic.js'

/** Flips what gains until nothing does, or until `ended`. */
export async function descend(
  model: QuadraticModel,
  { offsets, neighbours, couplings }: Adjacency,
  current: Solution,
  ended: () => boolean,
): Promise<void> {
  const zero = model.vartype === 'spin' ? -1 : 0
  const step = 1 - zero
  for (let going = true, sweep = 0; going && sweep < 50; sweep++) {
    going = false
    for (let i = 0; i < model.size; i++) {
      if (i % 4096 === 4095) {
        await breathe()
        if (ended()) return
      }
      let field = model.linear[i]!
      for (let e = offsets[i]!; e < offsets[i + 1]!; e++)
        field += model.values[couplings[e]!]! * (current[neighbours[e]!] === 1 ? 1 : zero)
      const change = (current[i] === 1 ? -step : step) * field
      if (change >= -1e-12 * Math.abs(field)) continue
      current[i] = 1 - current[i]!
      going = true
    }
  }
}
