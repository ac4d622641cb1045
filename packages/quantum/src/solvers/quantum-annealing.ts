import { pacer } from './paced.js'
import { rowsOf } from './rows.js'
import { temperaturesOf } from './schedule.js'
import type { Search } from './search.js'
import { uniformNumbers } from './uniform-numbers.js'

const slices = 16
/** Sweeps between looks at the energies of all slices, which take about a tenth of a sweep. */
const offerEvery = 4

/**
 * Simulated quantum annealing: path-integral Monte Carlo of a transverse field that fades. Slices of imaginary time are states of their
 * own, coupled in a ring by J⊥ = −½ ln tanh(Γβ/P). A classical simulation; Martoňák, Santoro, Tosatti, PRB 66 (2002).
 */
export async function simulatedQuantumAnnealing(search: Search): Promise<void> {
  const { problem } = search
  const { size, linear } = problem
  const rows = rowsOf(problem)
  const draw = uniformNumbers(search.seed)
  const pace = pacer(search)
  const beta = 0.5 * temperaturesOf(problem).cold
  const bits = new Uint8Array(size)
  const fixed = search.sweeps !== undefined
  for (
    let run = 0, sweeps = 50;
    !search.ended() && (!fixed || run < search.reads);
    run++, sweeps = Math.min(2 * sweeps, 20_000)
  ) {
    const count = search.sweeps ?? sweeps
    const spins = Int8Array.from({ length: size * slices }, () => (draw() < 0.5 ? -1 : 1))
    const fields = new Float64Array(size * slices)
    for (let i = 0; i < size; i++)
      for (let k = 0; k < slices; k++) {
        let field = linear[i]!
        for (let e = rows.offsets[i]!; e < rows.offsets[i + 1]!; e++)
          field += rows.weights[e]! * spins[rows.neighbours[e]! * slices + k]!
        fields[i * slices + k] = field
      }
    const offer = () => {
      for (let k = 0; k < slices; k++) {
        // Σ s (f + h) counts every coupling twice, as it does h.
        let twice = 0
        for (let i = 0; i < size; i++) twice += spins[i * slices + k]! * (fields[i * slices + k]! + linear[i]!)
        if (twice / 2 >= search.best().whole) continue
        for (let i = 0; i < size; i++) bits[i] = spins[i * slices + k]! > 0 ? 1 : 0
        search.offerSolution(bits, twice / 2)
      }
    }
    const going = await pace.work(count, async (from, some) => {
      for (let sweep = from; sweep < from + some; sweep++) {
        const transverse = Math.max(1e-3, 3 * problem.typicalField * (1 - sweep / Math.max(1, count - 1)))
        const ring = -0.5 * Math.log(Math.tanh((transverse * beta) / slices))
        for (let i = 0; i < size; i++)
          for (let k = 0; k < slices; k++) {
            const at = i * slices + k
            const spin = spins[at]!
            const near = spins[i * slices + ((k + 1) % slices)]! + spins[i * slices + ((k + slices - 1) % slices)]!
            const cost = 2 * spin * (ring * near - (beta / slices) * fields[at]!)
            if (cost > 0 && draw() >= Math.exp(-cost)) continue
            spins[at] = -spin
            for (let e = rows.offsets[i]!; e < rows.offsets[i + 1]!; e++)
              fields[rows.neighbours[e]! * slices + k]! -= 2 * rows.weights[e]! * spin
          }
        // By the sweep, not by the clock, which ends a slice of work.
        if (sweep % offerEvery === 0 || sweep === count - 1) offer()
      }
      await new Promise((resolve) => setTimeout(resolve, 0))
    })
    if (!going) return
  }
}
