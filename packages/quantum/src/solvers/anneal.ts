import type { Sampler, SamplerKind } from '../engine/engine.js'
import type { IntegerProblem } from '../engine/integer-problem.js'
import { pacer } from './paced.js'
import { evenly, geometrically, type Temperatures, temperaturesOf } from './schedule.js'
import type { Search } from './search.js'
import { side } from './search.js'

/** Many states at once share the reading of couplings; where those are many, one state with whole rows is faster. */
export const annealingKind = ({ size, square, offsets }: IntegerProblem): SamplerKind =>
  offsets === undefined || (square !== undefined && size > 1500) || size > 100_000 ? 'scan' : 'lanes'

/** So few runs of so many sweeps are done one by one: lanes that nobody asked for would take most of the time. */
export const oneByOne = (sweeps: number | undefined, reads: number): boolean => sweeps !== undefined && reads < 5

/** Sweeps of the first run. */
const firstSweeps = 64

/**
 * Simulated annealing: with `sweeps`, that many in each of `reads` runs. With a time, runs that double in length, so that easy targets
 * are met at once, the last one filling what is left.
 */
export async function simulatedAnnealing(search: Search): Promise<void> {
  const temperatures = temperaturesOf(search.problem)
  if (search.sweeps !== undefined) {
    const { sweeps, reads, betaRange } = search
    // A whole energy is `scale` times the model's.
    const betas = betaRange
      ? geometrically({ hot: betaRange[0] / search.problem.scale, cold: betaRange[1] / search.problem.scale }, sweeps)
      : evenly(temperatures, sweeps)
    const kind = oneByOne(sweeps, reads) ? 'scan' : annealingKind(search.problem)
    const width = kind === 'lanes' ? (search.problem.narrow ? 32 : 16) : 1
    const runs = Math.ceil(reads / width)
    const found: { energy: number; solution: Uint8Array }[] = []
    await side(search, async (thread) => {
      const pace = pacer(search)
      for (let run = thread; run < runs; run += search.threads) {
        const sampler = search.loaded.sampler(kind, search.seed, run)
        const whole = await pace.work(sweeps, (from, count) => sampler.run(betas(from, count)))
        const solution = new Uint8Array(search.problem.size)
        found[run] = { energy: sampler.readBest(solution), solution }
        sampler.release()
        if (!whole) break
      }
    })
    // In the order of runs, whichever ended first.
    for (const one of found) if (one) search.offerSolution(one.solution, one.energy)
    return
  }
  const kind = annealingKind(search.problem)
  await side(search, async (thread) => {
    const pace = pacer(search)
    let planned = firstSweeps
    for (let run = thread; !search.ended(); run += search.threads) {
      const sampler = search.loaded.sampler(kind, search.seed, run)
      search.offer(sampler)
      const fits = pace.perUnit === 0 || search.remaining() > 3 * planned * pace.perUnit
      if (fits) {
        const betas = evenly(temperatures, planned)
        await pace.work(planned, async (from, count) => {
          await sampler.run(betas(from, count))
          search.offer(sampler)
        })
        planned *= 2
      } else await coolByTheClock(search, sampler, temperatures)
      sampler.release()
    }
  })
}

/** Cools so that it is cold when time is over, however fast the machine goes meanwhile. */
async function coolByTheClock(search: Search, sampler: Sampler, { hot, cold }: Temperatures): Promise<void> {
  const pace = pacer(search)
  const [from, length] = [search.elapsed(), Math.max(1e-3, 0.97 * search.remaining())]
  await pace.work(Number.POSITIVE_INFINITY, async (_, count) => {
    const now = (search.elapsed() - from) / length
    const then = now + (count * pace.perUnit) / length
    const at = (k: number) => now + ((then - now) * k) / count
    const betas = Float32Array.from({ length: count }, (_, k) => (at(k) < 1 ? hot + (cold - hot) * at(k) : 1000 * cold))
    await sampler.run(betas)
    search.offer(sampler)
  })
}
