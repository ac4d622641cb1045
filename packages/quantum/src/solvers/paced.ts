import type { Search } from './search.js'

/** Of one call of a sampler, about: short enough to notice an abort, long enough to cost nothing. */
const slice = 0.015

/**
 * Gives out work in slices of about 15 ms. What a sampler does depends on the order of sweeps alone, never on the slices.
 * Learns the pace as it goes.
 */
export function pacer(search: Search) {
  let perUnit = 0
  return {
    /** Seconds for one unit of work, 0 as long as nothing is known. */
    get perUnit() {
      return perUnit
    },
    /** Does `units` of work; `false` when the search ended before. */
    async work(units: number, some: (from: number, count: number) => Promise<void>): Promise<boolean> {
      for (let done = 0; done < units; ) {
        if (search.ended()) return false
        const wanted = perUnit > 0 ? Math.floor(Math.min(slice, Math.max(0.001, search.remaining())) / perUnit) : 1
        const count = Math.max(1, Math.min(units - done, wanted))
        const before = performance.now()
        await some(done, count)
        const now = (performance.now() - before) / 1000 / count
        perUnit = perUnit === 0 ? now : 0.7 * perUnit + 0.3 * now
        done += count
        search.count(count)
      }
      return true
    },
  }
}
