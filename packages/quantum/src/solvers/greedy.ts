import type { Search } from './search.js'

/** Downhill from random states until nothing gains, again and again: the baseline that others have to beat. */
export async function greedyDescent(search: Search): Promise<void> {
  const cold = Float32Array.of(1e6)
  const reads = search.sweeps === undefined ? Number.POSITIVE_INFINITY : search.reads
  for (let read = 0; read < reads && (read === 0 || !search.ended()); read++) {
    const sampler = search.loaded.sampler('scan', search.seed, read)
    for (let before = Number.POSITIVE_INFINITY; sampler.energy(0) < before && !search.ended(); ) {
      before = sampler.energy(0)
      await sampler.run(cold)
      search.count(1)
    }
    search.offer(sampler)
    sampler.release()
  }
}
