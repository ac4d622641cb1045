import type { IntegerProblem } from '../engine/integer-problem.js'
import { annealingKind } from './anneal.js'
import { pacer } from './paced.js'
import { ladder, temperaturesOf } from './schedule.js'
import { type Search, side } from './search.js'
import { uniformNumbers } from './uniform-numbers.js'

/** On graphs with few couplings clusters stay small enough to be worth exchanging. */
const clustersPay = ({ size, offsets, linear }: IntegerProblem) =>
  offsets !== undefined && offsets[size]! <= 6 * size && linear.every((h) => h === 0)

/**
 * Parallel tempering: states at a ladder of temperatures that exchange them, so that the cold ones escape from where they are stuck.
 * On sparse graphs with isoenergetic cluster moves. Fixed work with `sweeps` and `reads` (ladders).
 */
export async function parallelTempering(search: Search): Promise<void> {
  if (annealingKind(search.problem) === 'scan') return temperedStates(search)
  const { hot, cold } = temperaturesOf(search.problem)
  const clusters = clustersPay(search.problem)
  const found: { energy: number; solution: Uint8Array }[] = []
  const fixed = search.sweeps !== undefined
  await side(search, async (thread) => {
    const pace = pacer(search)
    for (let run = thread; !search.ended() && (!fixed || run < search.reads); run += search.threads) {
      const sampler = search.loaded.sampler('lanes', search.seed, run)
      const replicas = clusters ? 2 : 1
      const betas = ladder({ hot: 1.5 * hot, cold: 0.6 * cold }, sampler.width / replicas, replicas)
      await pace.work(search.sweeps ?? Number.POSITIVE_INFINITY, async (_, count) => {
        await sampler.temper(betas, count, clusters ? 10 : 0)
        if (!fixed) search.offer(sampler)
      })
      const solution = new Uint8Array(search.problem.size)
      found[run] = { energy: sampler.readBest(solution), solution }
      sampler.release()
    }
  })
  for (const one of found) if (one) search.offerSolution(one.solution, one.energy)
}

/** States of their own, for models whose rows are too long for many at once; the exchange is done here. */
async function temperedStates(search: Search): Promise<void> {
  const { hot, cold } = temperaturesOf(search.problem)
  const count = 12
  const betas = ladder({ hot: 1.5 * hot, cold: 0.8 * cold }, count)
  const samplers = Array.from({ length: count }, (_, k) => search.loaded.sampler('scan', search.seed, k))
  const order = samplers.slice()
  const draw = uniformNumbers(search.seed)
  const rounds = search.sweeps ?? Number.POSITIVE_INFINITY
  for (let round = 0; round < rounds && !search.ended(); round++) {
    await side(search, async (thread) => {
      for (let k = thread; k < count && !search.ended(); k += search.threads) await order[k]!.run(betas.subarray(k, k + 1))
    })
    search.count(1)
    for (const sampler of samplers) search.offer(sampler)
    for (let k = round % 2; k + 1 < count; k += 2) {
      const [a, b] = [order[k]!, order[k + 1]!]
      const gain = (betas[k + 1]! - betas[k]!) * (b.energy(0) - a.energy(0))
      if (Math.log(draw()) < gain) [order[k], order[k + 1]] = [b, a]
    }
  }
}
