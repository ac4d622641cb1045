import type { Sampler } from '../engine/engine.js'
import { pacer } from './paced.js'
import { type Search, side } from './search.js'
import { uniformNumbers } from './uniform-numbers.js'

interface Elite {
  readonly energy: number
  readonly solution: Uint8Array
}

const poolSize = 10

/**
 * Tabu search with path relinking: the best states found are kept; two of them are joined by a path on which the states differ less and
 * less, and from a good state on that path tabu search goes on. Wang, Lü, Glover, Hao, "Path relinking for unconstrained binary
 * quadratic programming", EJOR 223 (2012). With `sweeps`: each of `reads` searches makes sweeps × variables steps.
 */
export async function tabuSearch(search: Search): Promise<void> {
  const { size } = search.problem
  const fixed = search.sweeps !== undefined
  const steps = search.sweeps === undefined ? Math.max(2000, Math.min(20 * size, 100_000)) : search.sweeps * size
  const found: Elite[] = []
  await side(search, async (thread) => {
    const pace = pacer(search)
    const pool: Elite[] = []
    let [draw, sampler] = randomness(search, thread)
    const current = new Uint8Array(size)
    const parameters = [Math.max(4, Math.floor(size / 100)), 10] as const
    for (let round = thread; !search.ended() && (!fixed || round < search.reads); round += search.threads) {
      // A fixed amount of work gives the same whichever thread takes a round, so each has numbers of its own.
      if (fixed && round !== thread) {
        sampler.release()
        ;[draw, sampler] = randomness(search, round)
      }
      if (fixed || pool.length < poolSize) randomBits(current, draw)
      else onPath(pool, current, draw)
      sampler.write(0, current)
      sampler.forget()
      await pace.work(steps, async (_, count) => {
        await sampler.run(Float32Array.of(count, ...parameters))
        if (!fixed) search.offer(sampler)
      })
      const elite = eliteOf(sampler, size)
      if (fixed) found[round] = elite
      else keep(pool, elite)
    }
  })
  for (const one of found) if (one) search.offerSolution(one.solution, one.energy)
}

const randomness = ({ seed, loaded }: Search, stream: number): [() => number, Sampler] => [
  uniformNumbers(seed * 1000 + stream),
  loaded.sampler('tabu', seed, stream),
]

function eliteOf(sampler: Sampler, size: number): Elite {
  const solution = new Uint8Array(size)
  return { energy: sampler.readBest(solution), solution }
}

/** The pool stays sorted, without twins. */
function keep(pool: Elite[], elite: Elite): void {
  if (pool.some((other) => other.energy === elite.energy && other.solution.every((bit, i) => bit === elite.solution[i]))) return
  pool.push(elite)
  pool.sort((a, b) => a.energy - b.energy)
  if (pool.length > poolSize) pool.pop()
}

/** Somewhere between two members of the pool, a third to two thirds of the way; the nearer half of what differs comes from the first. */
function onPath(pool: readonly Elite[], into: Uint8Array, draw: () => number): void {
  const a = Math.floor(draw() * pool.length)
  const b = (a + 1 + Math.floor(draw() * (pool.length - 1))) % pool.length
  const [from, to] = [pool[a]!.solution, pool[b]!.solution]
  const share = 1 / 3 + draw() / 3
  let differing = 0
  for (let i = 0; i < into.length; i++) {
    into[i] = from[i]!
    if (from[i] === to[i]) continue
    differing++
    if (draw() < share) into[i] = to[i]!
  }
  // Twins but for a few bits would lead back to where they are.
  if (differing < 10) for (let i = 0; i < into.length; i++) if (draw() < 0.1) into[i] = 1 - into[i]!
}

function randomBits(into: Uint8Array, draw: () => number): void {
  for (let i = 0; i < into.length; i++) into[i] = draw() < 0.5 ? 1 : 0
}
