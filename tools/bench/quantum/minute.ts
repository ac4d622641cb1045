// The best found in a minute on two cores, as JSON.  usage: minute.ts NAME…
import { solve } from '@qt/quantum'
import { graph, palubeckis } from './instances.js'

const found: Record<string, number> = {}
for (const name of process.argv.slice(2)) {
  const model = name === 'p3000' ? palubeckis(3000, 31000, 50) : name === 'p7000' ? palubeckis(7000, 71000, 50) : graph(name)
  found[name] = -(await solve(model, { time: 60, seed: 1, threads: 2 })).energy
}
console.log(JSON.stringify({ ...found, megabytes: process.resourceUsage().maxRSS / 1024 }))
