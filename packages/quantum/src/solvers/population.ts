import { annealingKind } from './anneal.js'
import { pacer } from './paced.js'
import { temperaturesOf } from './schedule.js'
import type { Search } from './search.js'
import { uniformNumbers } from './uniform-numbers.js'

/**
 * Population annealing: many states cool together, and at each step of temperature those of low energy are copied over those of high
 * energy. Hukushima and Iba (2003); systematic resampling keeps the number of states.
 */
export async function populationAnnealing(search: Search): Promise<void> {
  const { hot, cold } = temperaturesOf(search.problem)
  const kind = annealingKind(search.problem)
  const pace = pacer(search)
  const draw = uniformNumbers(search.seed)
  const copy = new Uint8Array(search.problem.size)
  const fixed = search.sweeps !== undefined
  for (let run = 0, steps = 32; !search.ended() && (!fixed || run < search.reads); run++, steps *= 2) {
    const blocks = Array.from({ length: kind === 'lanes' ? 2 : 24 }, (_, k) =>
      search.loaded.sampler(kind, search.seed, run * 32 + k),
    )
    const width = blocks[0]!.width
    const count = search.sweeps ?? steps
    for (let step = 0; step < count; step++) {
      const beta = hot + ((cold - hot) * step) / Math.max(1, count - 1)
      const betas = Float32Array.of(beta)
      const going = await pace.work(1, async () => {
        await Promise.all(blocks.map((block) => block.run(betas)))
      })
      for (const block of blocks) search.offer(block)
      if (!going) return
      if (step % 4 !== 3) continue
      const energies = blocks.flatMap((block) => Array.from({ length: width }, (_, lane) => block.energy(lane)))
      for (const [to, from] of resampled(energies, (4 * (cold - hot)) / Math.max(1, count - 1), draw())) {
        blocks[Math.floor(from / width)]!.read(from % width, copy)
        blocks[Math.floor(to / width)]!.write(to % width, copy)
      }
    }
    for (const block of blocks) block.release()
  }
}

/** Which state is copied over which: [to, from]. */
export function resampled(energies: readonly number[], step: number, offset: number): [number, number][] {
  const least = energies.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)
  const weights = energies.map((energy) => Math.exp(-step * (energy - least)))
  const total = weights.reduce((a, b) => a + b, 0)
  const copies = new Array<number>(energies.length).fill(0)
  let sum = 0
  let next = offset
  weights.forEach((weight, k) => {
    sum += (weight / total) * energies.length
    for (; next < sum; next++) copies[k]!++
  })
  const free = copies.flatMap((count, k) => (count === 0 ? [k] : []))
  return copies.flatMap((count, k) =>
    Array.from({ length: Math.max(0, count - 1) }, () => free.pop()).flatMap((to): [number, number][] =>
      to === undefined ? [] : [[to, k]],
    ),
  )
}
