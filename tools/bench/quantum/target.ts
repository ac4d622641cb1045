// Median seconds to a cut over ten seeds, on one core, as JSON.
import { solve } from '@qt/quantum'
import { median } from '../statistics.js'
import { graph } from './instances.js'

const targets = { G1: 11624, G43: 6660, G22: 13357, G55: 10264 }
const seconds: Record<string, number> = {}
for (const [name, cut] of Object.entries(targets)) {
  const model = graph(name)
  const times: number[] = []
  for (let seed = 1; seed <= 10; seed++) {
    const result = await solve(model, { solver: 'simulated-annealing', time: 10, seed, target: -cut, threads: 1 })
    times.push(-result.energy >= cut ? result.seconds : Number.POSITIVE_INFINITY)
  }
  seconds[name] = median(times)
}
console.log(JSON.stringify(seconds))
